"""What all figures share: size, type, the axis of shares, intervals, and how they are written.

Figures are drawn without a display. An SVG keeps its text as text, in typefaces of one width, and is the same file
whenever it is drawn from the same numbers.
"""

import io
from collections.abc import Sequence
from contextlib import AbstractContextManager
from textwrap import wrap
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.transforms import ScaledTranslation
from matplotlib.typing import RcKeyType

from cordelia.contracts.rate import Rate
from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.form import Form
from cordelia.scoreboard.page.marks import BROKEN, INK, LINE, PAPER, QUIET, SIZE, Mark
from cordelia.scoreboard.statistics.models import Estimate

PAD = 0.1
"""Inches around axes; type of other widths than ours finds room in it."""
PNG_DPI = 150
LONGEST_LINE = 46
"""Characters of a narrow figure's heading; wider ones are of several lines."""
CLOSE = 0.03
"""Curves whose ends are nearer than this would lie upon each other."""
LIFT, MOST_LIFT = 3.2, 10.0
"""Points between such curves, and from the first of them to the last, at most."""
VISIBLE = 0.005
"""Shares that are nearer to each other are one mark."""
Bounded = tuple[Estimate | None, Estimate | None]
"""A share, and the same with the unscored counted the other way."""
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


def blank(form: Form, height: float) -> Figure:
    """A figure of the form's width, `height` inches high."""
    return Figure(figsize=(form.width, height), layout=ConstrainedLayoutEngine(w_pad=PAD, h_pad=PAD / 2))


def name(figure: Figure, form: Form, group: Group, title: str) -> None:
    """Say on the figure what it is of, so that none leaves its split behind."""
    told = f"{group.testbed} {group.testbed_version} · {group.split} · {title}"
    told = "\n".join(wrap(told, LONGEST_LINE)) if form.above else told
    figure.suptitle(told, x=0.01, ha="left", fontsize=8.5, color=QUIET)


def written(figure: Figure) -> tuple[str, bytes]:
    """A figure as the text of an SVG and as a PNG. Must be called within `style()`, as all drawing."""
    FigureCanvasAgg(figure)
    raster = io.BytesIO()
    figure.savefig(raster, format="png", dpi=PNG_DPI)
    figure.set_layout_engine("none")  # it is laid out now, and that is half of the work
    return vector(figure), raster.getvalue()


def vector(figure: Figure) -> str:
    """A figure as the text of an SVG."""
    FigureCanvasAgg(figure)
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def style() -> AbstractContextManager[None]:
    """The style in which figures are drawn and written."""
    return rc_context(STYLE)


def shares(axes: Axes, vertical: bool = False) -> None:
    """Make an axis one of shares, from 0 to 100 %."""
    ticks, labels = [0.0, 0.25, 0.5, 0.75, 1.0], ["0%", "25%", "50%", "75%", "100%"]
    if vertical:
        axes.set_ylim(-0.05, 1.05)
        axes.set_yticks(ticks, labels)
        axes.grid(axis="y", color=LINE, linewidth=0.7)
    else:
        axes.set_xlim(-0.03, 1.04)
        axes.set_xticks(ticks, labels)
        axes.grid(axis="x", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)


def interval(axes: Axes, y: float, of: Estimate | Rate, mark: Mark, few: bool = False) -> None:
    """One share with its interval, as a row's point; hollow and with a broken line where there are few runs."""
    value = of.value if isinstance(of, Estimate) else of.rate
    span(axes, y, of.low, of.high, mark, few)
    point(axes, value, y, mark, few)


def lies_above(value: Estimate | None, most: Estimate | None) -> bool:
    """Whether the share with the unscored counted the other way can be seen apart from it."""
    return value is not None and most is not None and most.value - value.value > VISIBLE


def at_most(axes: Axes, y: float, value: Estimate, most: Estimate | None, mark: Mark) -> None:
    """An upright stroke where the share would stand with the unscored counted the other way."""
    if most is not None and lies_above(value, most):
        axes.plot([most.value], [y], marker="|", markersize=9, color=mark.colour)


def span(axes: Axes, y: float, low: float | None, high: float | None, mark: Mark, few: bool) -> None:
    """An interval, where there is one; broken where there are few runs."""
    if low is not None and high is not None:
        axes.plot([low, high], [y, y], color=mark.colour, linewidth=1.6, linestyle=BROKEN if few else "-")


def point(axes: Axes, x: float, y: float, mark: Mark, few: bool) -> None:
    """A mark; hollow where there are few runs."""
    face = PAPER if few else mark.colour
    axes.plot([x], [y], marker=mark.marker, markersize=SIZE, linestyle="none", color=mark.colour, markerfacecolor=face)


def curve(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    mark: Mark,
    few: bool,
    lift: float,
    marked: Sequence[int],
    steps: bool = False,
) -> None:
    """A series as a line with marks; broken and hollow where there are few runs.

    Args:
        points: (x, share).
        lift: points by which it is drawn higher than it is, so that it hides no other one.
        marked: indices of the points that have a mark.
        steps: whether the share holds until the next point.
    """
    assert axes.figure is not None
    raised = axes.transData + ScaledTranslation(0, lift / 72, axes.figure.dpi_scale_trans)
    axes.plot(
        [x for x, _ in points],
        [share for _, share in points],
        transform=raised,
        color=mark.colour,
        linewidth=1.3,
        linestyle=BROKEN if few else "-",
        drawstyle="steps-post" if steps else "default",
        marker=mark.marker,
        markersize=4.5,
        markerfacecolor=PAPER if few else mark.colour,
        markevery=list(marked),
    )


def lifts(curves: Sequence[Sequence[tuple[float, float]]]) -> list[float]:
    """How far each of the curves is drawn from where it is, in points: those that end at about the same share, apart.

    Of those the higher one stays the higher one.
    """
    ends = [points[-1][1] if points else 0.0 for points in curves]
    order = sorted(range(len(curves)), key=lambda place: (-ends[place], place))
    groups: list[list[int]] = []
    for place in order:
        if groups and ends[groups[-1][-1]] - ends[place] < CLOSE:
            groups[-1].append(place)
        else:
            groups.append([place])
    found = [0.0] * len(curves)
    for group in groups:
        step = min(LIFT, MOST_LIFT / max(len(group) - 1, 1))
        for lane, place in enumerate(group):
            found[place] = step * ((len(group) - 1) / 2 - lane)
    return found
