"""What was read before is not read again, and a cache never makes a reading wrong."""

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from log_toys import write_log

from cordelia.scoreboard import cache, parts
from cordelia.scoreboard.cache import Kept, default_cache, recall, remember
from cordelia.scoreboard.reading import read_frame
from cordelia.scoreboard.sources import Source

Opened = list[str]
KILLED = """
import os, signal, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("DELETE FROM logs")
database.execute("INSERT INTO logs VALUES ('half', 1, 's', 'audit', '', x'00')")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    """The names of the logs that are really read."""
    files: Opened = []
    original = parts.read_parts

    async def counted(file: str) -> parts.Parts:
        files.append(Path(file).name.rpartition("_")[2])
        return await original(file)

    monkeypatch.setattr(parts, "read_parts", counted)
    return files


def test_only_what_is_new_or_changed_is_read(tmp_path: Path, opened: Opened) -> None:
    kept, logs = tmp_path / "deep" / "cache.sqlite", tmp_path / "logs"
    first = write_log(logs, "T1")
    read_frame([logs], cache=kept)
    write_log(logs, "T2")
    second = read_frame([logs], cache=kept)
    assert opened == ["ET1.eval", "ET2.eval"]
    write_log(logs, "T1", "siskin,wren")
    os.utime(first, (2_000_000_000, 2_000_000_000))
    third = read_frame([logs], cache=kept)
    assert opened == ["ET1.eval", "ET2.eval", "ET1.eval"]
    assert (second.audits.height, third.audits.height) == (2, 3)
    assert third.audits.equals(read_frame([logs]).audits), "the cached rows are those of the logs"


def test_a_log_that_is_gone_has_no_rows(tmp_path: Path) -> None:
    kept, logs = tmp_path / "cache.sqlite", tmp_path / "logs"
    write_log(logs, "T1")
    gone = write_log(logs, "T2")
    read_frame([logs], cache=kept)
    gone.unlink()
    assert read_frame([logs], cache=kept).audits["task_id"].to_list() == ["T1"]


def test_rows_of_older_columns_are_read_anew(tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, logs = tmp_path / "cache.sqlite", tmp_path / "logs"
    write_log(logs)
    read_frame([logs], cache=kept)
    monkeypatch.setattr(cache, "COLUMNS_VERSION", cache.COLUMNS_VERSION + 1)
    read_frame([logs], cache=kept)
    read_frame([logs], cache=kept)
    assert len(opened) == 2


def test_a_damaged_log_is_tried_again(tmp_path: Path, opened: Opened) -> None:
    kept, log = tmp_path / "cache.sqlite", tmp_path / "logs" / "x.eval"
    log.parent.mkdir()
    log.write_bytes(b"")
    for _ in range(2):
        assert len(read_frame([log], cache=kept).damaged) == 1
    assert len(opened) == 2


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\x00" + b"\x07" * 5_000, b""])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, content: bytes) -> None:
    kept, logs = tmp_path / "cache.sqlite", tmp_path / "logs"
    write_log(logs)
    kept.write_bytes(content)
    assert read_frame([logs], cache=kept).audits.height == 1
    assert len(recall(kept, [_source(logs)])) == 1


def test_without_a_place_to_write_it_is_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    write_log(tmp_path / "logs")
    assert read_frame([tmp_path / "logs"], cache=tmp_path / "file" / "cache.sqlite").audits.height == 1
    assert read_frame([tmp_path / "logs"], cache=tmp_path / "logs").audits.height == 1, "a folder is no cache"


def test_a_writer_that_is_killed_leaves_the_cache_as_it_was(tmp_path: Path) -> None:
    kept, source = tmp_path / "cache.sqlite", Source("a", 1.0, 1)
    remember(kept, [(source, Kept("other", "why", b"rows"))])
    done = subprocess.run([sys.executable, "-c", KILLED, str(kept)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert recall(kept, [source]) == {"a": Kept("other", "why", b"rows")}
    remember(kept, [(Source("b", 1.0, 1), Kept("other", "", b""))])
    assert len(recall(kept, [source, Source("b", 1.0, 1)])) == 2


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    kept = tmp_path / "cache.sqlite"
    sources = [Source(f"log{number}", 1.0, number) for number in range(40)]
    with ThreadPoolExecutor(4) as pool:  # each call has a connection of its own, as a process has
        list(pool.map(lambda source: remember(kept, [(source, Kept("other", source.address, b"x" * 9_000))]), sources))
    assert {place: each.why for place, each in recall(kept, sources).items()} == {s.address: s.address for s in sources}


def test_a_writer_waits_for_another_and_a_reader_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept, logs = tmp_path / "cache.sqlite", tmp_path / "logs"
    write_log(logs)
    read_frame([logs], cache=kept)
    monkeypatch.setattr(cache, "BUSY_S", 0.01)
    other = sqlite3.connect(kept)
    other.execute("BEGIN EXCLUSIVE")
    assert read_frame([logs], cache=kept).audits.height == 1
    assert "locked" in caplog.text
    other.rollback()
    other.close()


def test_what_has_no_time_of_writing_is_not_kept(tmp_path: Path) -> None:
    source = Source("http://somewhere/x.eval", None, 5)
    remember(tmp_path / "c.sqlite", [(source, Kept("other", "", b""))])
    assert recall(tmp_path / "c.sqlite", [source]) == {}


def test_the_users_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CORDELIA_CACHE", str(tmp_path))
    assert default_cache() == tmp_path / "frame.sqlite"
    monkeypatch.delenv("CORDELIA_CACHE")
    assert default_cache() == Path.home() / ".cache" / "cordelia" / "frame.sqlite"


def _source(folder: Path) -> Source:
    [file] = folder.iterdir()
    about = file.stat()
    return Source(str(file), about.st_mtime * 1000, about.st_size)
