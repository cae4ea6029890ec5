"""The two forms of a figure: wide, for a desk, paper and files, and narrow, for a phone.

Narrow figures put panels below each other and the name of a row above its marks, so that nothing lies out of view and
the type is not shrunk with the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from cordelia.scoreboard.page.marks import LINE, PAPER

ROW = 0.24
"""Inches of a row for each of its series."""
LEAST = 0.34
NAME = 0.17
"""Inches of a line of a name that stands above its row."""


@dataclass(frozen=True)
class Form:
    """How a figure is laid out.

    Attributes:
        width: inches; 72 units of an SVG each.
        across: panels side by side, at most.
        above: names of rows stand above their marks and not beside them.
        longest: characters of a label.
        keys: columns of the legend.
    """

    width: float
    across: int
    above: bool
    longest: int
    keys: int

    def cut(self, label: str) -> str:
        """A label that leaves room for the figure; each of its lines is cut by itself."""
        lines = label.split("\n")
        return "\n".join(line if len(line) <= self.longest else f"{line[: self.longest - 1]}…" for line in lines)

    def legend(self, entries: int) -> float:
        """Inches of a legend."""
        return 0.2 * -(-entries // self.keys)


WIDE = Form(7.2, across=3, above=False, longest=44, keys=3)
NARROW = Form(3.6, across=1, above=True, longest=46, keys=1)


class Rows:
    """The named rows of an axes, from top to bottom, and where the marks of each series stand in them."""

    def __init__(
        self, form: Form, labels: Sequence[str], series: int = 1, least: float = LEAST, each: float = ROW
    ) -> None:
        self._form, self._labels = form, [form.cut(label) for label in labels]
        marks, lines = max(least, each * series), max((label.count("\n") + 1 for label in labels), default=1)
        name = NAME * lines if form.above else 0.0
        self._lanes = lanes(series)
        self.share = marks / (marks + name)
        self.inches = len(labels) * (marks + name)

    def at(self, place: int, series: int = 0) -> float:
        """Where a series' mark stands in the row at `place`."""
        return place + 0.5 - self.share * (0.5 - self._lanes[series])

    def draw(self, axes: Axes) -> None:
        """Name the rows, with a faint line between them."""
        axes.set_ylim(len(self._labels) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        for place in range(1, len(self._labels)):
            axes.axhline(place - 0.5, color=LINE, linewidth=0.5)
        if not self._form.above:
            axes.set_yticks(range(len(self._labels)), self._labels)
            return
        axes.set_yticks([])
        for place, label in enumerate(self._labels):
            axes.annotate(
                label, (0, place - 0.5), xytext=(3, -3), xycoords=axes.get_yaxis_transform(),
                textcoords="offset points", va="top", fontsize=8,
                bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 0.6},
            ).set_in_layout(False)  # fmt: skip


def lanes(count: int) -> list[float]:
    """Where `count` series stand within a row, from the middle of the row."""
    step = 0.72 / max(count, 2)
    return [step * (place - (count - 1) / 2) for place in range(count)]
