"""Stores: searched, counted, paged and marked; built once, by one of many, and never half."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from corpora_toys import lines, said, source, store

from cordelia.contracts.errors import ContentError, MissingExtraError
from cordelia.testbeds.corpora import building, search
from cordelia.testbeds.corpora.building import MAKING, bar, build_once, corpora_root
from cordelia.testbeds.corpora.document import Document
from cordelia.testbeds.corpora.search import CLOSE, OPEN, Store
from cordelia.testbeds.corpora.store import build_store, store_path, write_store
from cordelia.testbeds.corpora.terms import QueryError

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CORDELIA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def steps(done: int, of: int | None) -> None:
    pass


def test_documents_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [said("What is wool?", "A fibre.\x1b[2J"), {"text": "Wool\nis warm."}, {"text": ""}]
    given = list(source(lines(tmp_path / "c.jsonl", rows)).documents())
    kept = store(tmp_path, rows)
    assert kept.documents([3, 1, 2, 9]) == [given[2], given[0], given[1]]
    assert list(kept.after(1)) == given[1:]


def test_pages_counts_and_marks(tmp_path: Path) -> None:
    rows = [{"text": f"Number {number}" + (" has wool" if number % 3 == 0 else "")} for number in range(1, 100)]
    kept = store(tmp_path, rows)
    first, second = kept.search("wool", 1, 10), kept.search("wool", 2, 10)
    assert first.count == second.count == 33
    assert first.ranked
    assert len({hit.document.number for hit in (*first.hits, *second.hits)}) == 20
    assert f"{OPEN}wool{CLOSE}" in first.hits[0].snippet
    assert len(kept.search("wool", 4, 10).hits) == 3
    assert kept.search("wool", 5, 10).hits == []
    assert kept.search("silk").count == 0


def test_the_best_come_first_unless_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = store(tmp_path, [{"text": "wool " + "filling " * 50}, {"text": "wool wool wool"}])
    assert [hit.document.number for hit in kept.search("wool").hits] == [2, 1]
    monkeypatch.setattr(search, "MOST_RANKED", 1)
    found = kept.search("wool")
    assert (found.ranked, [hit.document.number for hit in found.hits]) == (False, [1, 2])


def test_roles_are_not_words_of_a_transcript(tmp_path: Path) -> None:
    kept = store(tmp_path, [said("Hello", "Good day"), {"text": "the user and the assistant"}])
    assert [hit.document.number for hit in kept.search("assistant").hits] == [2]
    assert kept.search('"hello good"').count == 1, "a phrase may go on in the next turn"


def test_marks_cannot_be_forged(tmp_path: Path) -> None:
    kept = store(tmp_path, [{"text": f"{OPEN}silk{CLOSE} wool"}])
    (hit,) = kept.search("wool").hits
    assert hit.snippet == f"\ufffdsilk\ufffd {OPEN}wool{CLOSE}"


def test_what_is_known_of_a_corpus(tmp_path: Path) -> None:
    rows = [said("Tell of wool", "Wool is warm"), {"text": "wool " * 3}, {"text": "with wool and a b"}, {"text": ""}]
    facts = store(tmp_path, rows).facts
    assert (facts.documents, facts.transcripts, facts.characters) == (4, 1, 26 + 15 + 17)
    assert facts.lengths == [0, 0, 15, 17, 26]
    assert facts.common == {"wool": 3, "tell": 1, "warm": 1}
    assert store(tmp_path, []).facts.documents == 0


def test_a_search_that_takes_too_long_is_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = store(tmp_path, [{"text": f"a{number} " * 20} for number in range(3_000)])
    monkeypatch.setattr(search, "PATIENCE_S", -1.0)
    monkeypatch.setattr(search, "_STEPS_A_LOOK", 10)
    with pytest.raises(QueryError, match="broken off after"):
        kept.search("a*")


def test_a_store_is_found_by_the_content_and_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = source(lines(tmp_path / "a.jsonl", [{"text": "wool"}]))
    path = build_store(first)
    assert path == store_path(first) and path.is_relative_to(tmp_path / "cache")
    monkeypatch.setattr("cordelia.testbeds.corpora.store.write_store", None)
    assert build_store(source(lines(tmp_path / "b.jsonl", [{"text": "wool"}]))) == path
    assert "a.jsonl" not in str(path)


def test_a_malformed_corpus_leaves_nothing(tmp_path: Path) -> None:
    broken = source(lines(tmp_path / "c.jsonl", [{"text": "wool"}] * 2_500 + [{}]))
    with pytest.raises(ContentError, match="line 2501"):
        build_store(broken)
    left = [path.name for path in corpora_root().rglob("*") if path.is_file()]
    assert [name for name in left if not name.endswith(".lock")] == []


BUILD = """
import sys
from pathlib import Path
from corpora_toys import source
from cordelia.testbeds.corpora.building import quiet
from cordelia.testbeds.corpora import store
told = Path(sys.argv[2])

def steps_told(title):
    from contextlib import contextmanager
    @contextmanager
    def told_steps():
        def steps(done, of):
            with told.open("a") as file:
                file.write(f"{done}\\n")
        yield steps
    return told_steps()

print(store.build_store(source(Path(sys.argv[1])), steps_told))
"""


def builder(corpus: Path, told: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", BUILD, str(corpus), str(told)]
    return subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True)


def test_two_processes_that_build_at_once_build_once(tmp_path: Path) -> None:
    corpus = lines(tmp_path / "c.jsonl", ({"text": f"wool {number}"} for number in range(20_000)))
    running = [builder(corpus, tmp_path / f"told{number}") for number in range(3)]
    paths = {process.communicate(timeout=120)[0].strip() for process in running}
    assert paths == {str(store_path(source(corpus)))}
    assert sum((tmp_path / f"told{number}").exists() for number in range(3)) == 1, "one built, the others waited"
    assert Store(Path(paths.pop())).search("wool").count == 20_000


def test_a_killed_build_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    pipe = tmp_path / "c.jsonl"
    os.mkfifo(pipe)  # the builder reads what it is given and then waits, so the kill is in the middle
    target = corpora_root() / "killed" / "words.sqlite"
    code = (
        "import sys; from pathlib import Path; from corpora_toys import source\n"
        "from cordelia.testbeds.corpora.building import build_once\n"
        "from cordelia.testbeds.corpora.store import write_store\n"
        "def steps(done, of): print(done, flush=True)\n"
        f"write = lambda path: write_store(source(Path({str(pipe)!r})).documents(), path, steps)\n"
        f"build_once(Path({str(target)!r}), write)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=HERE, stdout=subprocess.PIPE, text=True)
    with pipe.open("w", encoding="utf-8") as feed:
        feed.writelines('{"text": "wool"}\n' for _ in range(3_000))
        feed.flush()
        assert process.stdout is not None
        assert process.stdout.readline() == "1000\n"
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    process.stdout.close()
    assert not target.exists()
    assert list(target.parent.glob(f"{MAKING}*")), "it was killed while it wrote"
    made = build_once(target, lambda path: write_store(iter([Document(1, "silk")]), path, steps))
    assert Store(made).search("silk").count == 1
    assert not list(target.parent.glob(f"{MAKING}*")), "what was left is gone"


def test_a_failure_while_building_leaves_the_way_free(tmp_path: Path) -> None:
    def failing() -> Iterator[Document]:
        yield Document(1, "wool")
        raise RuntimeError("no more")

    target = tmp_path / "made" / "words.sqlite"
    with pytest.raises(RuntimeError, match="no more"):
        build_once(target, lambda path: write_store(failing(), path, steps))
    assert [path.name for path in target.parent.iterdir()] in ([], ["words.sqlite.lock"])
    build_once(target, lambda path: write_store(iter([Document(1, "wool")]), path, steps))
    assert Store(target).search("wool").count == 1


def test_readers_cannot_write(tmp_path: Path) -> None:
    kept = store(tmp_path, [{"text": "wool"}])
    with kept._open() as db, pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM documents")


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    """80 MB are indexed in a process that may have little more than the index's own buffers."""
    corpus = tmp_path / "c.jsonl"
    words = " ".join(f"word{number}" for number in range(300))
    lines(corpus, ({"text": f"{number} {words}"} for number in range(36_000)))
    code = (
        "import resource; from pathlib import Path; from corpora_toys import source\n"
        "from cordelia.testbeds.corpora.store import build_store\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"build_store(source(Path({str(corpus)!r})))\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    assert corpus.stat().st_size > 80_000_000
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True, timeout=200, check=True
    )
    assert int(done.stdout) < 350


def test_the_bar_is_on_stderr_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    kept = source(lines(tmp_path / "c.jsonl", [{"text": "wool"}]))
    build_store(kept, bar)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Indexing words" in printed.err


def test_without_filelock_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"needs the package 'filelock'.*cordelia\[data\]"):
        store(tmp_path, [{"text": "wool"}])
