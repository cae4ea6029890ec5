"""What tells series apart: a colour (Okabe and Ito's, safe for the colour-blind), a marker and a hatch each.

No figure relies on the colour: the same series has the same marker or hatch in every figure of a page.
"""

from collections.abc import Iterable
from dataclasses import dataclass

INK, QUIET, LINE, PAPER = "#1c1e21", "#5d646d", "#d9dde1", "#ffffff"
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
SKY, PURPLE, YELLOW, GREY = "#56B4E9", "#CC79A7", "#F0E442", "#999999"

BROKEN = (0, (2, 1.5))
"""The line of what has few runs; all others are whole."""
FEW = 10
"""Under so many runs, or hypotheses, something is drawn as being of few."""
SIZE = 5.5
"""Points of a marker."""
_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, INK)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")

MOST_SERIES = len(_COLOURS) * len(_MARKERS)
"""Series that differ in colour or marker; 7 and 9 have no common divisor, so each step changes both."""


@dataclass(frozen=True)
class Mark:
    """How one series is drawn."""

    colour: str
    marker: str


@dataclass(frozen=True)
class Fill:
    """How one kind of thing is filled."""

    colour: str
    hatch: str


OUTCOMES: dict[str, Fill] = {
    "submitted": Fill(BLUE, ""),
    "no_submission": Fill(ORANGE, "//"),
    "no_contact": Fill(SKY, "x"),
    "refused": Fill(PURPLE, "--"),
    "limit": Fill(YELLOW, "\\\\"),
    "target_error": Fill(VERMILLION, "+"),
    "grader_failed": Fill(GREEN, "||"),
    "error": Fill(GREY, "xx"),
    "not_run": Fill(LINE, ".."),
}
"""The outcomes in the order in which they are drawn, what is missing last."""


def marks(names: Iterable[str]) -> dict[str, Mark]:
    """A mark for each name, in the order given. From `MOST_SERIES` names on, marks come again."""
    return {
        name: Mark(_COLOURS[i % len(_COLOURS)], _MARKERS[i % len(_MARKERS)])
        for i, name in enumerate(dict.fromkeys(names))
    }
