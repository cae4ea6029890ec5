"""What all figures share: size, type, the axis of shares, intervals, and how they are written.

Figures are drawn without a display. An SVG keeps its text as text, in typefaces of one width, and is the same file
whenever it is drawn from the same numbers.
"""

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.typing import RcKeyType

from cordelia.contracts.rate import Rate
from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.marks import INK, LINE, PAPER, QUIET, Mark
from cordelia.scoreboard.statistics.models import Estimate

WIDTH = 7.2
"""Inches; 72 units of an SVG each."""
ROW = 0.24
PAD = 0.1
"""Inches around axes; type of other widths than ours finds room in it."""
PNG_DPI = 150
LONGEST = 44
"""Characters of a label on an axis."""
STYLE: dict[RcKeyType, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "cordelia",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Geneva", "sans-serif"],
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 8.5,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "hatch.linewidth": 0.6,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
}


def blank(height: float) -> Figure:
    """A figure of the common width, `height` inches high."""
    return Figure(figsize=(WIDTH, height), layout=ConstrainedLayoutEngine(w_pad=PAD, h_pad=PAD / 2))


def name(figure: Figure, group: Group, title: str) -> None:
    """Say on the figure what it is of, so that none leaves its split behind."""
    told = f"{group.testbed} {group.testbed_version} · {group.split} · {title}"
    figure.suptitle(told, x=0.01, ha="left", fontsize=8.5, color=QUIET)


def written(figure: Figure) -> tuple[str, bytes]:
    """A figure as the text of an SVG and as a PNG. Must be called within `style()`, as all drawing."""
    FigureCanvasAgg(figure)
    vector, raster = io.StringIO(), io.BytesIO()
    figure.savefig(raster, format="png", dpi=PNG_DPI)
    figure.set_layout_engine("none")  # it is laid out now, and that is half of the work
    figure.savefig(vector, format="svg", metadata={"Date": None})
    return vector.getvalue(), raster.getvalue()


def style() -> AbstractContextManager[None]:
    """The style in which figures are drawn and written."""
    return rc_context(STYLE)


def shares(axes: Axes, vertical: bool = False) -> None:
    """Make an axis one of shares, from 0 to 100 %."""
    ticks, labels = [0.0, 0.25, 0.5, 0.75, 1.0], ["0%", "25%", "50%", "75%", "100%"]
    if vertical:
        axes.set_ylim(-0.03, 1.04)
        axes.set_yticks(ticks, labels)
        axes.grid(axis="y", color=LINE, linewidth=0.7)
    else:
        axes.set_xlim(-0.03, 1.04)
        axes.set_xticks(ticks, labels)
        axes.grid(axis="x", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)


def rows(axes: Axes, labels: Sequence[str]) -> None:
    """Name the rows of an axes from top to bottom, with a faint line between them."""
    axes.set_yticks(range(len(labels)), [cut(label) for label in labels])
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    for place in range(1, len(labels)):
        axes.axhline(place - 0.5, color=LINE, linewidth=0.5)


def cut(label: str) -> str:
    """A label that leaves room for the figure; each of its lines is cut by itself."""
    return "\n".join(line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…" for line in label.split("\n"))


def lanes(count: int) -> list[float]:
    """Where `count` series stand within a row, from the middle of the row."""
    step = 0.72 / max(count, 2)
    return [step * (place - (count - 1) / 2) for place in range(count)]


def interval(axes: Axes, y: float, of: Estimate | Rate, mark: Mark, few: bool = False) -> None:
    """One share with its interval, as a row's point; hollow and dashed where there are few runs."""
    value = of.value if isinstance(of, Estimate) else of.rate
    if of.low is not None and of.high is not None:
        axes.plot([of.low, of.high], [y, y], color=mark.colour, linewidth=1.6, linestyle=(0, (2, 1.5)) if few else "-")
    axes.plot(
        [value],
        [y],
        marker=mark.marker,
        markersize=5.5,
        linestyle="none",
        color=mark.colour,
        markerfacecolor=PAPER if few else mark.colour,
    )


def key(figure: Figure, found: dict[str, Mark], line: bool = False) -> None:
    """The legend below a figure; none for one series."""
    if len(found) < 2:
        return
    handles = [
        Line2D([], [], color=m.colour, marker=m.marker, markersize=5.5, linestyle=m.line if line else "none")
        for m in found.values()
    ]
    figure.legend(handles, [cut(name) for name in found], loc="outside lower left", ncols=min(3, len(found)))
