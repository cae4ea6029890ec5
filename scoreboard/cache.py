"""Rows of logs that were read before: one SQLite file, because a pile of logs is read again and again as it grows.

A log's rows hold as long as its place, its time of writing and its size stay what they were, and as long as
`COLUMNS_VERSION` does. Every write is one transaction: another process sees all of it or nothing, and so does the next
run after a kill. A cache never stops a reading: one that is damaged is made anew, and one that cannot be opened or
written is done without.
"""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from logging import getLogger
from pathlib import Path
from typing import Literal

from cordelia.scoreboard.columns import COLUMNS_VERSION
from cordelia.scoreboard.sources import Source

CACHE_ENV = "CORDELIA_CACHE"
BUSY_S = 10.0
"""How long to wait for another process that writes."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS logs (
    address TEXT NOT NULL, version INTEGER NOT NULL, stamp TEXT NOT NULL,
    kind TEXT NOT NULL, why TEXT NOT NULL, rows BLOB NOT NULL,
    PRIMARY KEY (address, version)
)
"""

_log = getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """What one log gave.

    Attributes:
        kind: of an audit, of a tool check, or of neither (then `why` says what it is).
        rows: as an Arrow file; empty where there are none.
    """

    kind: Literal["audit", "check", "other"]
    why: str
    rows: bytes


def default_cache() -> Path:
    """The user's cache: under `$CORDELIA_CACHE`, else ~/.cache/cordelia."""
    named = os.environ.get(CACHE_ENV)
    return (Path(named).expanduser() if named else Path.home() / ".cache" / "cordelia") / "frame.sqlite"


def recall(cache: Path, sources: Sequence[Source]) -> dict[str, Kept]:
    """By address, what is kept of those sources that have not changed since."""
    wanted = {source.address: source.stamp for source in sources if source.stamp is not None}
    found: dict[str, Kept] = {}
    with _opened(cache) as database:
        if database is not None:
            query = "SELECT address, stamp, kind, why, rows FROM logs WHERE version = ?"
            for place, stamp, kind, why, rows in database.execute(query, (COLUMNS_VERSION,)):
                if wanted.get(place) == stamp:
                    found[place] = Kept(kind, why, rows)
    return found


def remember(cache: Path, kept: Iterable[tuple[Source, Kept]]) -> None:
    """Keep what sources gave, in one transaction; rows of older versions of the columns go."""
    rows = [
        (source.address, COLUMNS_VERSION, source.stamp, each.kind, each.why, each.rows)
        for source, each in kept
        if source.stamp is not None
    ]
    with _opened(cache) as database:
        if database is not None and rows:
            database.execute("DELETE FROM logs WHERE version < ?", (COLUMNS_VERSION,))
            database.executemany("INSERT OR REPLACE INTO logs VALUES (?, ?, ?, ?, ?, ?)", rows)


@contextmanager
def _opened(cache: Path) -> Iterator[sqlite3.Connection | None]:
    """The database within one transaction, committed at the end; None, with a warning, where there can be none.

    What fails while it is used ends the block, and nothing of it is written.
    """
    database = _database(cache)
    try:
        yield database
        if database is not None:
            database.commit()
    except sqlite3.Error as error:
        _log.warning("The cache %s was not used: %s", cache, error)
    finally:
        if database is not None:
            database.close()


def _database(cache: Path) -> sqlite3.Connection | None:
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        return _connected(cache)
    except (sqlite3.OperationalError, OSError) as error:  # no place to write, or locked for too long
        _log.warning("There is no cache at %s: %s", cache, error)
    except sqlite3.DatabaseError as error:  # what is there is no database
        _log.warning("The cache %s is damaged (%s) and is made anew.", cache, error)
        cache.unlink(missing_ok=True)
        return _connected(cache)
    return None


def _connected(cache: Path) -> sqlite3.Connection:
    database = sqlite3.connect(cache, timeout=BUSY_S)
    try:
        database.execute(SCHEMA)
        database.commit()
    except sqlite3.Error:
        database.close()
        raise
    return database
