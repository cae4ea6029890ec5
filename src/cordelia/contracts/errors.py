"""One kind of error for everything a user can mend.

inspect prints a `PrerequisiteError` as its message alone, without a traceback, and stops before any sample starts. That
is what a wrong flag, file or key deserves. The class has no public import path; this module is the only place that
knows.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from inspect_ai._util.error import PrerequisiteError
from rich.markup import escape

MOST_SHOWN = 80
MOST_SAID = 600

InspectError = PrerequisiteError
"""What inspect itself raises for such things (a model without its key or package). Its message is rich markup."""


class CordeliaError(PrerequisiteError):
    """Something that the user wrote cannot work: says what, where, and what to write instead."""

    def __init__(self, message: str) -> None:
        super().__init__(escape(message))  # inspect prints it as rich markup, which swallows [brackets]
        self.text = message

    def __str__(self) -> str:
        return self.text


class ContentError(CordeliaError):
    """A content file (YAML, Markdown, data) is not what its schema asks for."""

    def __init__(self, path: Path, problem: str, key: str | None = None) -> None:
        self.path = path
        self.key = key
        where = f"{printable(str(path))}{f': {printable(key, MOST_SHOWN)}' if key else ''}"
        super().__init__(f"{where}: {printable(problem, MOST_SAID)}")


class MissingExtraError(CordeliaError):
    """A part was asked for whose packages are not installed."""

    def __init__(self, what: str, extra: str, missing: str) -> None:
        super().__init__(
            f"{what} needs the package '{missing}', which is not installed. "
            f"Install it with: pip install 'cordelia[{extra}]'"
        )


def printable(text: str, most: int | None = None) -> str:
    """Somebody else's text on one line, cut after `most` characters, without what would move a terminal's cursor."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:most])
    return shown if most is None or len(text) <= most else f"{shown}…"


def quoted(value: str) -> str:
    """A value of somebody else's in an error message."""
    return f"'{printable(value, MOST_SHOWN)}'"


def unknown_name(kind: str, name: str, known: Iterable[str], where: str = "") -> CordeliaError:
    """The error for a name that does not exist (`where`): the nearest that does, then all that do."""
    names = sorted(known)
    close = get_close_matches(name, names, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    listing = ", ".join(names) if names else "none"
    return CordeliaError(f"There is no {kind} '{name}'{f' in {where}' if where else ''}.{hint} Known: {listing}.")
