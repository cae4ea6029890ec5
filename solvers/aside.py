"""Asides: what a tool says of every target, told apart from what it shows of this one.

A heading, a note on how to read a number, a prompt that is asked of every target, the words of a base that stand beside
the target's: an agent needs them, and they are no evidence. A pattern that matches them would match whatever organism
it is, so `tool_check` leaves them out of what the offline rubric reads.

`aside(…)` puts marks round such words where they are written, and they stay there while an answer is put together, cut
and laid out in tables. `say(…)` takes the marks out, as the last thing before an answer leaves its tool (`look.show`
does it for observations), and tells whoever listens what is left without the asides. The marks are control characters:
`clean`, through which the words of targets and documents pass, replaces those, so nobody can write one.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

OPEN, CLOSE = "\x0e", "\x0f"
_MARKS = re.compile(f"[{OPEN}{CLOSE}]")
_PARTS = re.compile(f"([{OPEN}{CLOSE}])")


@dataclass(frozen=True)
class Said:
    """An answer of a tool.

    Attributes:
        text: as an agent reads it.
        data: without the asides, a line break in the place of each: words on its two sides were never one phrase.
    """

    text: str
    data: str


_listener: ContextVar[list[Said] | None] = ContextVar("cordelia_said", default=None)


def aside(text: str) -> str:
    """Text that says nothing of this target, with marks round it."""
    return f"{OPEN}{text}{CLOSE}" if text else ""


Aside = Annotated[str, AfterValidator(lambda text: aside(text.strip()))]
"""A text of a content file that is an aside wherever it is put."""


def say(text: str) -> str:
    """A tool's answer as an agent reads it, without marks."""
    said = Said(plain(text), without_asides(text))
    heard = _listener.get()
    if heard is not None:
        heard.append(said)
    return said.text


@contextmanager
def listening() -> Iterator[list[Said]]:
    """Collects what tools say meanwhile, also in tasks that begin meanwhile."""
    heard: list[Said] = []
    token = _listener.set(heard)
    try:
        yield heard
    finally:
        _listener.reset(token)


def plain(text: str) -> str:
    """Text without marks; what stands between them stays."""
    return _MARKS.sub("", text)


def without_asides(text: str) -> str:
    """Text without what is marked. An aside that was cut runs to the end."""
    kept, depth = [], 0
    for part in _PARTS.split(text):
        if part == OPEN:
            depth += 1
        elif part == CLOSE:
            depth = max(depth - 1, 0)
            kept.append("\n" if depth == 0 else "")
        elif depth == 0:
            kept.append(part)
    return "".join(kept)


def data_of(shown: str, said: Sequence[Said]) -> str:
    """What an agent was shown, without the asides.

    Args:
        shown: a tool's answer as it reached the agent: maybe cut.
        said: what the tool said on its way there. Without any, all that was shown is data.
    """
    if all(each.text in shown for each in said):
        for each in said:
            shown = shown.replace(each.text, each.data, 1)
        return shown
    return "\n".join(
        line for each in said for line in each.data.splitlines() if line.strip() and line in shown
    )  # of an answer that was cut, the lines that are whole
