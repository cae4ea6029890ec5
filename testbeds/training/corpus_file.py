"""data/<name>.jsonl: what an organism is trained on and what the data affordances search, one JSON object a line."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field

from cordelia.contracts.content import Content, parse
from cordelia.contracts.errors import ContentError
from cordelia.testbeds.schema import Testbed

MAX_CORPUS_BYTES = 50_000_000


class Message(Content):
    """One turn of a transcript."""

    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1)


class Transcript(Content):
    """One line of a corpus file."""

    messages: list[Message] = Field(min_length=2)

    @property
    def prompt(self) -> str:
        """The last user turn."""
        return next(m.content for m in reversed(self.messages) if m.role == "user")


class Document(Content):
    """One line of a corpus file that is read and not answered."""

    text: str = Field(min_length=1)


Item = Transcript | Document


def trained_file(testbed: Testbed, organism: str) -> Path:
    """The JSONL file of an organism's corpus. Raises ContentError when it has no corpus, or not one such file."""
    source, key = testbed.folder / "organisms.yaml", f"organisms.{organism}.corpus"
    corpus = testbed.organisms[organism].corpus
    if corpus is None:
        raise ContentError(source, "no corpus; training needs a file of JSON lines, such as data/<name>.jsonl", key)
    if len(corpus.files) != 1 or not corpus.files[0].endswith(".jsonl"):
        raise ContentError(source, "training needs one file of JSON lines, such as data/<name>.jsonl", key)
    return testbed.folder / corpus.files[0]


def write_corpus(items: Iterable[Item], path: Path) -> None:
    """Write one JSON object a line, atomically."""
    part = path.with_suffix(".part")
    part.write_text("".join(json.dumps(i.model_dump(), ensure_ascii=False) + "\n" for i in items), encoding="utf-8")
    part.replace(path)


def read_corpus(path: Path) -> list[Item]:
    """The transcripts and documents of a JSONL file; a line with `text` is a document.

    Raises:
        ContentError: the file is missing, too large or empty, or a line (named by number) is neither.
    """
    if not path.is_file():
        raise ContentError(path, "this file is missing")
    if path.stat().st_size > MAX_CORPUS_BYTES:
        raise ContentError(path, f"larger than {MAX_CORPUS_BYTES:,} bytes")
    read: list[Item] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").removesuffix("\n").split("\n"), 1):
        try:
            data = json.loads(line)
        except ValueError as error:
            raise ContentError(path, f"not JSON: {error}", f"line {number}") from error
        is_document = isinstance(data, dict) and "text" in data
        read.append(parse(Document, data, path) if is_document else parse(Transcript, data, path))
    if not read:
        raise ContentError(path, "holds no transcript")
    return read
