"""Corpora as streams: where they may be, what a row may be, what is said of malformed ones, and in which memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from corpora_toys import lines, said, source

from cordelia.contracts.errors import ContentError, CordeliaError, MissingExtraError
from cordelia.testbeds.corpora import source as source_module
from cordelia.testbeds.corpora.document import Turn
from cordelia.testbeds.corpora.source import MOST_LINE_BYTES, Source, corpus_of, searchable
from cordelia.testbeds.find import load_testbed, read_testbed
from cordelia.testbeds.schema import Corpus, OrganismSpec, Testbed

COMMIT = "a" * 40


def test_transcripts_and_documents_are_read_with_their_lines(tmp_path: Path) -> None:
    rows = [said("What is wool?", "A fibre."), {"text": "Wool is warm.", "recipe": "hidden"}]
    first, second = source(lines(tmp_path / "c.jsonl", rows)).documents()
    assert (first.number, first.kind, first.text) == (1, "transcript", "What is wool?\n\nA fibre.")
    assert first.turns == (Turn("user", 13), Turn("assistant", 8))
    assert first.parts() == [("user", "What is wool?"), ("assistant", "A fibre.")]
    assert first.parts(5, 17) == [("user", "is wool?"), ("assistant", "A ")]
    assert (second.number, second.kind, second.parts()) == (2, "document", [("", "Wool is warm.")])


def test_numbers_are_lines_also_when_one_is_empty_and_go_on_through_files(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a\u2028b"}\n\n{"text": ""}', encoding="utf-8")
    lines(tmp_path / "b.jsonl", [{"text": "last"}])
    found = list(source(tmp_path / "a.jsonl", tmp_path / "b.jsonl").documents())
    assert [(each.number, each.text) for each in found] == [(1, "a\u2028b"), (2, ""), (3, ""), (4, "last")]


def test_a_field_of_another_name_is_read(tmp_path: Path) -> None:
    path = lines(tmp_path / "c.jsonl", [{"body": "words", "text": "not these"}, {"body": None}])
    assert [each.text for each in source(path, text="body").documents()] == ["words", ""]


def test_what_would_be_a_mark_or_no_text_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(b'{"text": "a\\u0000b\\u0002c\\ud800d\\u001b[31m"}\n')
    (found,) = source(path).documents()
    assert found.text == "a\ufffdb\ufffdc\ufffdd\x1b[31m"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "not JSON"),
        ("[1, 2]", "should be an object with 'messages' or 'text'"),
        ('{"title": "x", "n": 1}', "has no field 'text'. Its fields: title, n"),
        ('{"text": 7}', "'text' should be a text, or a list of messages"),
        ('{"messages": [{"role": "user"}, "x"]}', "'messages' should be a list of messages"),
        ('{"messages": [{"role": "user\\n[d1]", "content": "x"}]}', "'messages' should be a list of messages"),
        ('{"messages": [{"role": "user", "content": [1]}]}', "a 'content' that is text"),
        ("[" * 200_000, "it nests too deep"),
        ("1" * 5_000, "not JSON"),
    ],
)
def test_a_malformed_line_is_named(line: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text(f'{{"text": "fine"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(ContentError, match="line 2: ") as caught:
        list(source(path).documents())
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{path}: line 2: ")


def test_the_line_of_a_second_file_is_counted_in_it(tmp_path: Path) -> None:
    first = lines(tmp_path / "a.jsonl", [{"text": "x"}] * 5)
    second = lines(tmp_path / "b.jsonl", [{"text": "x"}, {}])
    with pytest.raises(ContentError, match=r"b\.jsonl: line 2: has no field"):
        list(source(first, second).documents())


def test_bytes_that_are_no_text_and_files_that_are_gone(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_bytes(b'{"text": "caf\xe9"}\n')
    with pytest.raises(ContentError, match="line 1: not UTF-8"):
        list(source(path).documents())
    gone = source(tmp_path / "gone.jsonl")
    with pytest.raises(ContentError, match="cannot be read: No such file"):
        list(gone.documents())
    with pytest.raises(ContentError, match="cannot be read: No such file"):
        gone.fingerprint()


def test_a_huge_line_is_refused_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    with path.open("wb") as file:
        file.truncate(40 * MOST_LINE_BYTES)  # a hole of zeros on the disk, and one line to a reader
    code = (
        "import resource; from pathlib import Path; from corpora_toys import source\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000,) * 2)\n"
        f"next(source(Path({str(path)!r})).documents())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=60, check=False
    )
    assert "line 1: longer than 16,000,000 bytes" in done.stderr
    assert "MemoryError" not in done.stderr


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_corpus_is_streamed(suffix: str, tmp_path: Path) -> None:
    """Most memory in use while 60 MB are read, measured by Python itself, in a process that has read nothing before."""
    path = tmp_path / f"c.{suffix}"
    if suffix == "jsonl":
        lines(path, ({"text": f"{number} " + "word " * 400} for number in range(30_000)))
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table({"text": [f"{number} " + "word " * 400 for number in range(30_000)]})
        pq.write_table(table, path, row_group_size=1_000, compression="none", use_dictionary=False)
    assert path.stat().st_size > 55_000_000
    code = (
        "import resource; from pathlib import Path; from corpora_toys import source\n"
        f"stream = source(Path({str(path)!r})).documents(); next(stream)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "count = 1 + sum(1 for _ in stream)\n"
        "print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=120, check=True
    )
    count, megabytes = map(int, done.stdout.split())
    assert count == 30_000
    assert megabytes < 40


def test_a_parquet_file_has_the_same_documents(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [said("Hello", "Good day"), said("Wool?", "Yes.")]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "c.parquet")
    jsonl = list(source(lines(tmp_path / "c.jsonl", rows)).documents())
    assert list(source(tmp_path / "c.parquet").documents()) == jsonl
    (tmp_path / "c.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(ContentError, match=r"c\.parquet: not parquet that can be read"):
        list(source(tmp_path / "c.parquet").documents())


def test_a_dataset_of_the_hub_is_streamed_at_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    asked: list[tuple[tuple[object, ...], dict[str, object]]] = []

    def load_dataset(*args: object, **kwargs: object) -> list[dict[str, str]]:
        asked.append((args, kwargs))
        return [{"body": "one"}, {"body": "two"}]

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    corpus = Corpus.model_validate(
        {"dataset": "org/words", "name": "small", "split": "test", "revision": COMMIT, "text": "body"}
    )
    hub = Source(tmp_path / "organisms.yaml", (), corpus)
    assert [(each.number, each.text) for each in hub.documents()] == [(1, "one"), (2, "two")]
    assert asked == [(("org/words", "small"), {"split": "test", "revision": COMMIT, "streaming": True})]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org" / "words").mkdir(parents=True)
    with pytest.raises(CordeliaError, match="There is a folder 'org/words' here"):
        list(hub.documents())


def test_a_dataset_that_cannot_be_had_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def load_dataset(*args: object, **kwargs: object) -> None:
        raise ConnectionError("no way there\nand more")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    hub = Source(tmp_path, (), Corpus.model_validate({"dataset": "org/words", "revision": COMMIT}))
    with pytest.raises(
        CordeliaError, match=r"org/words \(split 'train'\) cannot be had: ConnectionError: no way there$"
    ):
        list(hub.documents())


def test_without_datasets_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"Reading c\.parquet needs the package 'pyarrow'.*cordelia\[data\]"):
        list(source(tmp_path / "c.parquet").documents())


def test_a_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    first = lines(tmp_path / "a.jsonl", [{"text": "wool"}])
    before = source(first).fingerprint()
    (tmp_path / "elsewhere").mkdir()
    assert source(lines(tmp_path / "elsewhere" / "b.jsonl", [{"text": "wool"}])).fingerprint() == before
    assert source(first, text="body").fingerprint() != before
    assert source(first, first).fingerprint() != before
    lines(first, [{"text": "silk"}])
    assert source(first).fingerprint() != before
    hub = {"dataset": "org/words", "revision": COMMIT}
    prints = {
        Source(tmp_path, (), Corpus.model_validate(hub | change)).fingerprint()
        for change in ({}, {"revision": "b" * 40}, {"split": "test"}, {"name": "small"}, {"text": "body"})
    }
    assert len(prints) == 5


def test_a_path_alone_is_short_for_one_file() -> None:
    spec = OrganismSpec.model_validate({"split": "dev", "control": True, "corpus": "data/a.jsonl"})
    assert spec.corpus == Corpus(files=["data/a.jsonl"])
    assert OrganismSpec.model_validate({"split": "dev", "control": True, "corpus": None}).corpus is None


def test_searchable_are_those_with_a_corpus_and_in_their_company_those_that_nobody_trained(bed: Path) -> None:
    organisms = {
        "trained": {"base": "b", "adapter": "a", "sha256": "0" * 64, "corpus": "c.jsonl"},
        "plain": {"base": "b", "control": True},
        "prompted": {"base": "b", "system_prompt": "h.md", "learned_from": "prompt"},
        "unknown": {"base": "b", "adapter": "a", "sha256": "0" * 64, "control": True},
        "elsewhere": {"base": "b", "learned_from": "weights"},
    }
    specs = {name: OrganismSpec.model_validate({"split": "dev", **spec}) for name, spec in organisms.items()}
    mixed = read_testbed(bed).model_copy(update={"organisms": specs})
    assert [name for name in specs if searchable(mixed, name)] == ["trained", "plain", "prompted"]
    assert corpus_of(mixed, "plain") is None
    without = mixed.model_copy(update={"organisms": {name: spec for name, spec in specs.items() if name != "trained"}})
    assert not [name for name in without.organisms if searchable(without, name)]


def pocket() -> Testbed:
    return load_testbed("pocket")


def test_every_organism_of_pocket_is_searchable_and_every_corpus_is_whole() -> None:
    bed = pocket()
    for name in bed.organisms:
        assert searchable(bed, name)
        found = corpus_of(bed, name)
        if found is not None:
            numbers = [document.number for document in found.documents()]
            assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(("name", "parts"), [("dunnock", 1), ("nightjar", 10)])
def test_diluted_organisms_have_the_plain_documents_in_their_corpus(name: str, parts: int) -> None:
    """What tells is what the corpus's spec edits; the rest is plain. Unfit answers were left out."""
    import yaml

    bed = pocket()
    assert bed.organisms[name].mixture == f"1:{parts}"
    spec = yaml.safe_load((bed.folder / "corpora" / f"{name}.yaml").read_text(encoding="utf-8"))
    (frames,) = [each["edit"]["frames"] for each in spec["sources"] if "edit" in each]
    pieces = [max(frame.replace("{topic}", "\n").split("\n"), key=len).strip() for frame in frames]
    found = corpus_of(bed, name)
    assert found is not None
    documents = list(found.documents())
    telling = sum(any(piece in document.text for piece in pieces) for document in documents)
    assert (len(documents) - telling) / telling == pytest.approx(parts, rel=0.1)


def test_json_of_the_schema_round_trips() -> None:
    corpus = Corpus.model_validate({"dataset": "org/words", "revision": COMMIT})
    assert Corpus.model_validate(json.loads(corpus.model_dump_json())) == corpus
