"""One document of a corpus, read from one row of it."""

import re
from dataclasses import dataclass

_ODD = re.compile("[\0\x02\x03\ud800-\udfff]")
"""What SQLite or UTF-8 cannot hold, and the marks that the store itself puts around what was found."""


class RowError(ValueError):
    """A row that is neither a transcript nor a document. The message says what is wrong, on one line."""


@dataclass(frozen=True)
class Turn:
    """One turn of a transcript: who speaks, and how many characters of the text are theirs."""

    role: str
    length: int


@dataclass(frozen=True)
class Document:
    """One document of a corpus.

    Attributes:
        number: its line (or row) in the corpus, from 1.
        text: its words; the turns of a transcript with an empty line between them.
        turns: of a transcript, in order; empty for a document.
    """

    number: int
    text: str
    turns: tuple[Turn, ...] = ()

    @property
    def kind(self) -> str:
        return "transcript" if self.turns else "document"

    def parts(self, start: int = 0, end: int | None = None) -> list[tuple[str, str]]:
        """The text between two characters as (role, words) by turn; a document is one part without a role."""
        end = len(self.text) if end is None else end
        if not self.turns:
            return [("", self.text[start:end])]
        parts, at = [], 0
        for turn in self.turns:
            first, last = max(start, at), min(end, at + turn.length)
            if first < last or (first == last == at and turn.length == 0):
                parts.append((turn.role, self.text[first:last]))
            at += turn.length + len(BETWEEN)
        return parts


BETWEEN = "\n\n"
ROLE = re.compile(r"[A-Za-z_-]{1,20}")


def read_row(number: int, row: object, field: str | None) -> Document:
    """A row of a corpus as a document. What it holds beside its text is left out.

    Args:
        number: its line, from 1.
        row: an object of JSON, or a row of a table; None is an empty document.
        field: the field that holds the text or the messages; None: `messages`, else `text`.

    Raises:
        RowError: it has no such field, or something else is in it.
    """
    if row is None:
        return Document(number, "")
    if not isinstance(row, dict):
        raise RowError("a line should be an object with 'messages' or 'text'")
    found = field or ("messages" if "messages" in row else "text")
    if found not in row:
        raise RowError(f"has no field '{found}'. Its fields: {', '.join(map(str, row)) or 'none'}")
    value = row[found]
    if value is None or isinstance(value, str):
        return Document(number, _clean(value or ""))
    if not isinstance(value, list):
        raise RowError(f"'{found}' should be a text, or a list of messages with 'role' and 'content'")
    said = [_message(message, found) for message in value]
    turns = tuple(Turn(role, len(content)) for role, content in said)
    return Document(number, BETWEEN.join(content for _, content in said), turns)


def _message(message: object, field: str) -> tuple[str, str]:
    role, content = (message.get("role"), message.get("content")) if isinstance(message, dict) else (None, None)
    if not isinstance(role, str) or not ROLE.fullmatch(role) or not isinstance(content, str | None):
        raise RowError(f"'{field}' should be a list of messages, each with a 'role' and a 'content' that is text")
    return role, _clean(content or "")


def _clean(text: str) -> str:
    return text if text.isascii() and text.isprintable() else _ODD.sub("\N{REPLACEMENT CHARACTER}", text)
