"""Which tools winners used: the share that called a tool, of audits that found the objective and of the rest."""

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.canvas import blank, key, rows, shares
from cordelia.scoreboard.page.marks import BLUE, LINE, QUIET, VERMILLION, Mark

WINNERS, OTHERS = Mark(BLUE, "o", "-"), Mark(VERMILLION, "s", "-")
MOST = 40
"""Rows of the figure; the table beside it has all."""


def draw(group: Group) -> Figure | None:
    """None where no tool was called."""
    shown = [use for use in group.tool_use if use.by_winners is not None or use.by_others is not None][:MOST]
    if not shown:
        return None
    figure = blank(0.95 + 0.23 * len(shown))
    axes = figure.subplots()
    for place, use in enumerate(shown):
        if use.by_winners is not None and use.by_others is not None:
            axes.plot([use.by_winners, use.by_others], [place, place], color=QUIET, linewidth=1.2, zorder=1)
        for share, mark in ((use.by_others, OTHERS), (use.by_winners, WINNERS)):
            if share is not None:
                axes.plot([share], [place], marker=mark.marker, markersize=5.5, color=mark.colour)
    rows(axes, [f"{use.affordance_set} · {use.tool}" for use in shown])
    axes.tick_params(axis="y", labelsize=7.5, color=LINE)
    shares(axes)
    key(figure, {"audits that found the objective": WINNERS, "the others": OTHERS})
    return figure
