"""Reading a store: searching its words, counting, and getting documents back.

Each call opens the file for itself, read-only, so calls may come from any thread. A search that takes too long is
broken off: an auditor's query must not hold up an audit.
"""

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from cordelia.testbeds.corpora.document import Document, Turn
from cordelia.testbeds.corpora.query import read_query
from cordelia.testbeds.corpora.store import Facts
from cordelia.testbeds.corpora.terms import QueryError

OPEN, CLOSE = "\x02", "\x03"
"""What stands around found words in a snippet. No document of a store has these characters."""
SNIPPET_WORDS = 32
MOST_RANKED = 5_000
"""More finds than this are shown in the corpus's order: ranking looks at every one of them."""
PATIENCE_S = 20.0
_STEPS_A_LOOK = 100_000


@dataclass(frozen=True)
class Hit:
    """A document that a search found.

    Attributes:
        document: it.
        snippet: the place in it where most of the words stand, each between OPEN and CLOSE.
    """

    document: Document
    snippet: str


@dataclass(frozen=True)
class Found:
    """One page of what a search found.

    Attributes:
        count: how many documents there are on all pages.
        ranked: whether the best come first; else they come in the corpus's order.
        hits: those of this page.
        notes: how parts of the query were read that might have meant something else; a sentence each.
    """

    count: int
    ranked: bool
    hits: list[Hit]
    notes: list[str]


class Store:
    """A store that is whole, for reading."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def facts(self) -> Facts:
        with self._open() as db:
            return Facts.model_validate_json(db.execute("SELECT facts FROM facts").fetchone()[0])

    def search(self, query: str, page: int = 1, size: int = 10) -> Found:
        """The documents in which a query's words stand.

        Args:
            query: see `cordelia.testbeds.corpora.query`.
            page: from 1.
            size: documents a page.

        Raises:
            QueryError: the query cannot be meant, or takes longer than `PATIENCE_S`.
        """
        read = read_query(query)
        match = read.match
        with self._open(PATIENCE_S) as db:
            try:
                count = db.execute("SELECT count(*) FROM words WHERE words MATCH ?", (match,)).fetchone()[0]
                ranked = count <= MOST_RANKED
                best = "rank" if ranked else "rowid"
                numbers = db.execute(
                    f"SELECT rowid FROM words WHERE words MATCH ? ORDER BY {best} LIMIT ? OFFSET ?",
                    (match, size, (page - 1) * size),
                ).fetchall()
                return Found(count, ranked, [self._hit(db, match, number) for (number,) in numbers], read.notes)
            except sqlite3.OperationalError as error:
                if "interrupted" not in str(error):
                    raise
                raise QueryError(
                    f"This search was broken off after {PATIENCE_S:.0f} s. Search for rarer words, a phrase in "
                    "quotes, or longer beginnings before a *."
                ) from error

    def documents(self, numbers: Sequence[int]) -> list[Document]:
        """Documents by number, in the order asked; those that there are not are left out."""
        with self._open() as db:
            return [found for number in numbers if (found := _document(db, number)) is not None]

    def after(self, number: int) -> Iterator[Document]:
        """All documents after one, as a stream."""
        with self._open() as db:
            for row in db.execute(
                "SELECT number, turns, text FROM documents WHERE number > ? ORDER BY number", (number,)
            ):
                yield _read(row)

    def _hit(self, db: sqlite3.Connection, match: str, number: int) -> Hit:
        snippet = db.execute(
            "SELECT snippet(words, 0, ?, ?, '…', ?) FROM words WHERE words MATCH ? AND rowid = ?",
            (OPEN, CLOSE, SNIPPET_WORDS, match, number),
        ).fetchone()
        document = _document(db, number)
        assert document is not None  # the index has no words of documents that are not there
        return Hit(document, str(snippet[0]))

    @contextmanager
    def _open(self, patience: float | None = None) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(f"file:{quote(str(self.path.resolve()))}?mode=ro&immutable=1", uri=True)
        try:
            if patience is not None:
                until = time.monotonic() + patience
                db.set_progress_handler(lambda: time.monotonic() > until, _STEPS_A_LOOK)
            yield db
        finally:
            db.close()


def _document(db: sqlite3.Connection, number: int) -> Document | None:
    row = db.execute("SELECT number, turns, text FROM documents WHERE number = ?", (number,)).fetchone()
    return _read(row) if row else None


def _read(row: tuple[int, str | None, str]) -> Document:
    turns = tuple(Turn(role, length) for role, length in json.loads(row[1])) if row[1] else ()
    return Document(row[0], row[2], turns)
