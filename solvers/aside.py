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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

OPEN, CLOSE = "\x0e", "\x0f"
_MARKS = re.compile(f"[{OPEN}{CLOSE}]")
_PARTS = re.compile(f"([{OPEN}{CLOSE}])")
LEAST = 12
"""Characters of an answer that was cut which are no chance match elsewhere."""


@dataclass(frozen=True)
class Said:
    """An answer of a tool, with the marks round its asides."""

    marked: str

    @property
    def text(self) -> str:
        """As an agent reads it."""
        return plain(self.marked)

    @property
    def data(self) -> str:
        """Without the asides, a line break in the place of each: words on its two sides were never one phrase."""
        return without_asides(self.marked)


_listener: ContextVar[list[Said] | None] = ContextVar("cordelia_said", default=None)


def aside(text: str) -> str:
    """Text that says nothing of this target, with marks round it."""
    return f"{OPEN}{text}{CLOSE}" if text else ""


Aside = Annotated[str, AfterValidator(lambda text: aside(text.strip()))]
"""A text of a content file that is an aside wherever it is put."""


def say(text: str) -> str:
    """A tool's answer as an agent reads it, without marks."""
    said = Said(text)
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
        shown: a tool's answer as it reached the agent: maybe cut. A cut leaves the beginning, the end, or both.
        said: what the tool said on its way there. Without any, all that was shown is data. What one answer has of
            another is that answer's: it says itself what of it is data.
    """
    taken: list[_Part] = []
    was_cut = False
    for each in sorted(said, key=lambda one: -len(one.text)):
        if not each.text:
            continue
        found = [part for part in [_found(shown, each.text, each.data, taken)] if part]
        if not found and each.text not in shown:
            was_cut, found = True, _left(shown, each, taken)
        taken += found
    taken.sort(key=lambda part: part.start)
    if was_cut:  # what stands round the parts tells of the cut
        return "\n".join(part.data for part in taken).strip("\n")
    kept, at = [], 0
    for part in taken:
        kept += [shown[at : part.start], part.data]
        at = part.end
    return "".join([*kept, shown[at:]])


@dataclass(frozen=True)
class _Part:
    """Where something that was said stands in what was shown, and what of it is data."""

    start: int
    end: int
    data: str


def _found(shown: str, text: str, data: str, taken: Sequence[_Part]) -> _Part | None:
    """The first place of a text that no other has."""
    start = shown.find(text)
    while start >= 0:
        end = start + len(text)
        if all(end <= part.start or part.end <= start for part in taken):
            return _Part(start, end, data)
        start = shown.find(text, start + 1)
    return None


def _left(shown: str, said: Said, taken: Sequence[_Part]) -> list[_Part]:
    """The beginning and the end that are left of an answer that was cut; of both, the longer one is placed first."""
    text = said.text
    left: list[_Part] = []
    head = _longest(len(text), lambda size: text[:size] in shown)
    tail = _longest(len(text), lambda size: text[len(text) - size :] in shown)
    cuts = [(head, 0, head), (tail, len(text) - tail, len(text))]
    for size, start, end in sorted(cuts, reverse=True):
        part = _found(shown, text[start:end], without_asides(_between(said.marked, start, end)), [*taken, *left])
        if size >= LEAST and part:
            left.append(part)
    return left


def _longest(most: int, fits: Callable[[int], bool]) -> int:
    """The largest size up to `most` that fits, where every smaller one does too."""
    fit, not_fit = 0, most + 1
    while not_fit - fit > 1:
        middle = (fit + not_fit) // 2
        fit, not_fit = (middle, not_fit) if fits(middle) else (fit, middle)
    return fit


def _between(marked: str, start: int, end: int) -> str:
    """Some of the characters of a marked text, inside of the asides that are open there."""
    first, last = _place(marked, start), _place(marked, end)
    depth = 0
    for mark in _MARKS.findall(marked[:first]):
        depth = depth + 1 if mark == OPEN else max(depth - 1, 0)
    return OPEN * depth + marked[first:last]


def _place(marked: str, count: int) -> int:
    """Where in a marked text so many characters that are no marks end."""
    for place, character in enumerate(marked):
        if count == 0:
            return place
        count -= character not in (OPEN, CLOSE)
    return len(marked)
