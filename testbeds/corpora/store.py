"""The documents of a corpus and an index of their words, in one SQLite file.

FTS5 over an external table, so a text is kept once. Building streams the corpus; memory is SQLite's page cache and the
index's own buffer, whatever the corpus's size. The file is written without a journal, under another name, and renamed
when it is whole, so every reader may open it as immutable.
"""

import json
import os
import sqlite3
from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from cordelia.contracts.content import Content, load
from cordelia.testbeds.corpora.building import Reporter, Steps, build_once, corpora_root, quiet
from cordelia.testbeds.corpora.document import Document
from cordelia.testbeds.corpora.source import Source

FORMAT = 1
"""Part of the file's name: another layout is another file."""
BATCH = 1_000
CACHE_KIB = 64_000
BUFFER_BYTES = 96_000_000
COMMON = 60
STOP_WORDS = Path(__file__).parent / "stop_words.yaml"

_TABLES = """
CREATE TABLE documents (number INTEGER PRIMARY KEY, turns TEXT, text TEXT NOT NULL);
CREATE VIRTUAL TABLE words USING fts5(
    text, content='documents', content_rowid='number', tokenize="unicode61 remove_diacritics 2"
);
CREATE TABLE facts (facts TEXT NOT NULL);
"""


class StopWords(Content):
    """stop_words.yaml"""

    words: str


class Facts(Content):
    """What is known of a corpus as a whole.

    Attributes:
        documents: how many there are.
        transcripts: how many of them are transcripts.
        characters: in all of them.
        lengths: characters of the shortest, of those at a quarter, half and three quarters, and of the longest.
        common: words of four letters and more that stand in most documents, without those of every text, and in how
            many they stand.
    """

    documents: int
    transcripts: int
    characters: int
    lengths: list[int]
    common: dict[str, int]


def store_path(source: Source) -> Path:
    """Where the store of a corpus is, or would be."""
    return corpora_root() / source.fingerprint() / f"words-{FORMAT}.sqlite"


_sound: set[str] = set()
"""Fingerprints of corpora that were read to their end in this process."""


def check_corpus(source: Source) -> None:
    """Refuse a malformed corpus before an audit starts: every line of its files is read, none is kept, none is written.

    About ten seconds a gigabyte, once; nothing where it is indexed already. A dataset of the hub is not fetched for it.

    Raises:
        ContentError, MissingExtraError: see `Source.documents`.
    """
    if not source.files:
        return
    fingerprint = source.fingerprint()
    if fingerprint in _sound or store_path(source).exists():
        return
    for _ in source.documents():
        pass
    _sound.add(fingerprint)


def build_store(source: Source, report: Reporter = quiet) -> Path:
    """The store of a corpus, built now if it is not there. Blocks: about a minute for 500,000 documents of 2 kB.

    Raises:
        ContentError: the corpus is malformed; nothing is kept.
        CordeliaError, MissingExtraError: see `Source.documents` and `build_once`.
    """

    def make(path: Path) -> None:
        with report("Indexing words") as steps:
            write_store(source.documents(), path, steps)

    return build_once(store_path(source), make)


def write_store(documents: Iterable[Document], path: Path, steps: Steps) -> None:
    """Write a store of documents to a new file."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in ("page_size=8192", "journal_mode=OFF", "synchronous=OFF", f"cache_size=-{CACHE_KIB}"):
            db.execute(f"PRAGMA {pragma}")
        db.executescript(_TABLES)
        db.execute("INSERT INTO words (words, rank) VALUES ('hashsize', ?)", (BUFFER_BYTES,))
        db.execute("BEGIN")
        lengths, transcripts = _write_documents(db, iter(documents), steps)
        db.execute("INSERT INTO words (words) VALUES ('optimize')")
        facts = Facts(
            documents=len(lengths),
            transcripts=transcripts,
            characters=sum(lengths),
            lengths=_quartiles(lengths),
            common=_common(db),
        )
        db.execute("INSERT INTO facts VALUES (?)", (facts.model_dump_json(),))
        db.execute("COMMIT")
    finally:
        db.close()
    with path.open("rb") as written:
        os.fsync(written.fileno())


def _write_documents(db: sqlite3.Connection, documents: Iterator[Document], steps: Steps) -> "tuple[array[int], int]":
    lengths, transcripts = array("Q"), 0
    while batch := list(islice(documents, BATCH)):
        db.executemany(
            "INSERT INTO documents VALUES (?, ?, ?)",
            ((each.number, _turns(each), each.text) for each in batch),
        )
        db.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", ((each.number, each.text) for each in batch))
        lengths.extend(len(each.text) for each in batch)
        transcripts += sum(bool(each.turns) for each in batch)
        steps(len(lengths), None)
    return lengths, transcripts


def _turns(document: Document) -> str | None:
    return json.dumps([[turn.role, turn.length] for turn in document.turns]) if document.turns else None


def _quartiles(lengths: "array[int]") -> list[int]:
    ordered = sorted(lengths)
    return [ordered[(len(ordered) - 1) * part // 4] for part in range(5)] if ordered else [0] * 5


def _common(db: sqlite3.Connection) -> dict[str, int]:
    stop = set(load(StopWords, STOP_WORDS).words.split())
    db.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, words, row)")
    rows = db.execute(
        "SELECT term, doc FROM vocabulary WHERE length(term) > 3 ORDER BY doc DESC, term LIMIT ?", (COMMON + len(stop),)
    ).fetchall()
    db.execute("DROP TABLE temp.vocabulary")
    return dict(islice(((str(term), int(count)) for term, count in rows if term not in stop), COMMON))
