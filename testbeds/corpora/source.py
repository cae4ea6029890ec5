"""Where an organism's corpus is, which bytes it is made of, and its documents as a stream.

JSON lines are read line by line, parquet files batch by batch; a dataset of the hub is streamed by `datasets`. The
corpus is never held in memory, and nothing of a dataset is executed: `datasets` reads data files only.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from cordelia.contracts.errors import ContentError, CordeliaError, MissingExtraError
from cordelia.testbeds.corpora.document import Document, RowError, read_row
from cordelia.testbeds.schema import Corpus, Testbed

MOST_LINE_BYTES = 16_000_000
"""A longer line is no document that anybody could read, and would have to be held in memory."""
PARQUET_ROWS = 256


@dataclass(frozen=True)
class Source:
    """A corpus that can be streamed.

    Attributes:
        place: the file that names it, for errors.
        files: its files, in order; empty for a dataset of the hub.
        corpus: what organisms.yaml says of it.
    """

    place: Path
    files: tuple[Path, ...]
    corpus: Corpus

    def fingerprint(self) -> str:
        """A hash (64 hex digits) of its content: the files' bytes, or the dataset's commit; and of what is read there.

        Hashing takes about a second a gigabyte and is remembered as long as the files do not change.
        """
        read = self.corpus.model_dump(mode="json", exclude={"files"})
        parts = [json.dumps(read, sort_keys=True), *(_content_sha256(path, *_state(path)) for path in self.files)]
        return hashlib.sha256("\n".join([*parts, *(path.suffix for path in self.files)]).encode()).hexdigest()

    def documents(self) -> Iterator[Document]:
        """Its documents, in order; numbers count from 1, through all files.

        Raises:
            ContentError: a line is no transcript and no document, or a file cannot be read; names the line.
            CordeliaError: the dataset cannot be had.
            MissingExtraError: `datasets` (or, for parquet, `pyarrow`) is not installed.
        """
        number = 0
        for path in self.files:
            first = number
            rows = _json_lines(path) if path.suffix == ".jsonl" else _parquet(path)
            for number, row in enumerate(rows, first + 1):
                try:
                    yield read_row(number, row, self.corpus.text)
                except RowError as error:
                    raise ContentError(path, str(error), f"line {number - first}") from error
        if self.corpus.dataset:
            for number, row in enumerate(_hub(self.corpus), 1):
                try:
                    yield read_row(number, row, self.corpus.text)
                except RowError as error:
                    raise ContentError(self.place, f"row {number} of {self.corpus.dataset} {error}") from error


def corpus_of(testbed: Testbed, organism: str) -> Source | None:
    """The corpus of an organism, or None when it has none. See `searchable`."""
    corpus = testbed.organisms[organism].corpus
    if corpus is None:
        return None
    return Source(testbed.folder / "organisms.yaml", tuple(testbed.folder / file for file in corpus.files), corpus)


def searchable(testbed: Testbed, organism: str) -> bool:
    """Whether an auditor can be told what an organism was trained on.

    So it is when it has a corpus. It is also when it was not trained at all (no adapter, learned from nothing or from a
    prompt) and others of its testbed were: then its training data are 0 documents, and it can stand in one task with
    them. An adapter without a corpus was trained on something that nobody could show.
    """
    spec = testbed.organisms[organism]
    if spec.corpus is not None:
        return True
    untrained = spec.adapter is None and spec.learned_from in {"nothing", "prompt"}
    return untrained and any(other.corpus is not None for other in testbed.organisms.values())


def _json_lines(path: Path) -> Iterator[object]:
    """The lines of a file as data; an empty line is an empty document, so that numbers are those of an editor."""
    number = 0
    try:
        with path.open("rb") as file:
            while line := file.readline(MOST_LINE_BYTES + 1):
                number += 1
                if len(line) > MOST_LINE_BYTES:
                    raise ContentError(path, f"longer than {MOST_LINE_BYTES:,} bytes", f"line {number}")
                yield json.loads(line) if line.strip() else None
    except OSError as error:
        raise ContentError(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ContentError(path, f"not UTF-8 (byte {error.start} of the line)", f"line {number}") from error
    except RecursionError as error:
        raise ContentError(path, "not JSON that can be read: it nests too deep", f"line {number}") from error
    except ValueError as error:
        raise ContentError(path, f"not JSON: {error}", f"line {number}") from error


def _parquet(path: Path) -> Iterator[Mapping[str, object]]:
    """The rows of a parquet file, some hundred at a time. (`datasets` reads ahead by the whole file.)"""
    _need("pyarrow", f"Reading {path.name}")
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path, pre_buffer=False) as file:
            for batch in file.iter_batches(batch_size=PARQUET_ROWS):
                yield from batch.to_pylist()
    except (ArrowException, OSError, ValueError) as error:
        raise ContentError(path, f"not parquet that can be read: {_first_line(error)}") from error


def _hub(corpus: Corpus) -> Iterator[Mapping[str, object]]:
    _need("datasets", f"Streaming {corpus.dataset}")
    from datasets import load_dataset

    if Path(str(corpus.dataset)).exists():  # a folder of this name would be read in place of the hub's
        raise CordeliaError(f"There is a folder '{corpus.dataset}' here, which hides the dataset. Start elsewhere.")
    try:
        yield from load_dataset(
            corpus.dataset, corpus.name, split=corpus.split, revision=corpus.revision, streaming=True
        )
    except Exception as error:
        raise CordeliaError(
            f"The dataset {corpus.dataset} (split '{corpus.split}') cannot be had: {_first_line(error)}"
        ) from error


def _need(package: str, what: str) -> None:
    if find_spec(package) is None:
        raise MissingExtraError(what, "data", package)


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300]}"


def _state(path: Path) -> tuple[int, int]:
    try:
        stat = path.stat()
    except OSError as error:
        raise ContentError(path, f"cannot be read: {error.strerror}") from error
    return stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=256)
def _content_sha256(path: Path, size: int, mtime_ns: int) -> str:
    """The hash of a file's bytes; size and time of change are what it is remembered by."""
    del size, mtime_ns
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ContentError(path, f"cannot be read: {error.strerror}") from error
