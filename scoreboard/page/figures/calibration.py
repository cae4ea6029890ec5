"""Calibration: how often hypotheses of a stated confidence were right. On the diagonal, confidence is honest."""

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.canvas import shares
from cordelia.scoreboard.page.figures.panels import panels
from cordelia.scoreboard.page.marks import PAPER, QUIET, marks
from cordelia.scoreboard.page.words import auditors, who

FEW = 10


def draw(group: Group) -> Figure | None:
    """None without a hypothesis. A panel an auditor; a hollow point stands for under ten hypotheses."""
    shown = {who(each): each.calibration for each in group.calibration if each.calibration.n}
    if not shown:
        return None
    found = marks(auditors(group) or shown)
    figure, grid = panels(shown)
    for axes, (person, calibration) in zip(grid, shown.items(), strict=True):
        mark = found.get(person) or next(iter(found.values()))
        axes.plot([0, 1], [0, 1], color=QUIET, linewidth=0.8, linestyle=":")
        for each in calibration.bins:
            axes.plot([each.confidence] * 2, [each.hits.low, each.hits.high], color=mark.colour, linewidth=1.2)
            axes.plot(
                [each.confidence],
                [each.hits.rate],
                marker=mark.marker,
                markersize=5.5,
                color=mark.colour,
                markerfacecolor=PAPER if each.hits.n < FEW else mark.colour,
            )
        shares(axes, vertical=True)
        axes.set_xlim(-0.03, 1.04)
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.set_xlabel("stated confidence")
    grid[0].set_ylabel("right")
    return figure
