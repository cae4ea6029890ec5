"""Calibration: how often hypotheses of a stated confidence were right. On the diagonal, confidence is honest."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.canvas import shares
from cordelia.scoreboard.page.figures.form import Form
from cordelia.scoreboard.page.figures.key import FEW_GUESSES, key
from cordelia.scoreboard.page.figures.panels import panels
from cordelia.scoreboard.page.marks import FEW, PAPER, QUIET, SIZE, Mark, marks
from cordelia.scoreboard.page.words import auditors, counted, who
from cordelia.scoreboard.statistics.models import Bin, Calibration


def draw(group: Group, form: Form) -> Figure | None:
    """None without a hypothesis. A panel an auditor; over each interval, how many hypotheses it is of."""
    shown = {who(each): each.calibration for each in group.calibration if each.calibration.n}
    if not shown:
        return None
    found = marks(auditors(group) or shown)
    few = any(each.hits.n < FEW for calibration in shown.values() for each in calibration.bins)
    told = [FEW_GUESSES] * few
    titles = [f"{person}\n{_about(calibration)}" for person, calibration in shown.items()]
    figure, grid = panels(titles, form, extra=form.legend(len(told)))
    for axes, (person, calibration) in zip(grid, shown.items(), strict=True):
        axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, linestyle=":")
        for each in calibration.bins:
            _bin(axes, each, found.get(person) or next(iter(found.values())))
        shares(axes, vertical=True)
        axes.set_ylim(-0.03, 1.14)
        axes.set_xlim(-0.04, 1.06)
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
        axes.set_xlabel("stated confidence")
    for axes in grid[:: form.across]:
        axes.set_ylabel("share that was right")
    key(figure, form, {}, told)
    return figure


def _about(calibration: Calibration) -> str:
    brier = f", Brier {calibration.brier.value:.2f}" if calibration.brier else ""
    return f"{counted(calibration.n, 'hypotheses') if calibration.n != 1 else '1 hypothesis'}{brier}"


def _bin(axes: Axes, of: Bin, mark: Mark) -> None:
    few = of.hits.n < FEW
    axes.plot([of.confidence] * 2, [of.hits.low, of.hits.high], color=mark.colour, linewidth=1.2)
    axes.plot(
        [of.confidence],
        [of.hits.rate],
        marker=mark.marker,
        markersize=SIZE + few,
        color=mark.colour,
        fillstyle="left" if few else "full",
        markerfacecoloralt=PAPER,
    )
    axes.annotate(
        str(of.hits.n), (of.confidence, of.hits.high), xytext=(0, 2), textcoords="offset points", ha="center",
        va="bottom", fontsize=6.5, color=QUIET,
    )  # fmt: skip
