"""Which tools winners used: the share that called a tool, of audits that found the objective and of the rest."""

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.canvas import blank, point, shares
from cordelia.scoreboard.page.figures.form import Form, Rows
from cordelia.scoreboard.page.figures.key import FEW_RUNS, key
from cordelia.scoreboard.page.marks import BLUE, FEW, LINE, QUIET, VERMILLION, Mark

SERIES = {"audits that found the objective": Mark(BLUE, "o"), "the others": Mark(VERMILLION, "s")}
MOST = 40
"""Rows of the figure; the table beside it has all."""


def draw(group: Group, form: Form) -> Figure | None:
    """None where no tool was called. Winners stand above the others, so that equal shares do not hide each other."""
    shown = [use for use in group.tool_use if use.by_winners is not None or use.by_others is not None][:MOST]
    if not shown:
        return None
    told = [FEW_RUNS] * any(0 < count < FEW for use in shown for count in (use.winners, use.others))
    rows = Rows(form, [f"{use.affordance_set} · {use.tool}" for use in shown], len(SERIES), least=0.28, each=0.14)
    figure = blank(form, 0.75 + rows.inches + form.legend(len(SERIES) + len(told)))
    axes = figure.subplots()
    for place, use in enumerate(shown):
        ys = [rows.at(place, lane) for lane in range(len(SERIES))]
        pairs = [(use.by_winners, use.winners), (use.by_others, use.others)]
        if use.by_winners is not None and use.by_others is not None:
            axes.plot([use.by_winners, use.by_others], ys, color=QUIET, linewidth=0.9, zorder=1)
        for y, (share, count), mark in zip(ys, pairs, SERIES.values(), strict=True):
            if share is not None:
                point(axes, share, y, mark, count < FEW)
    rows.draw(axes)
    axes.tick_params(axis="y", labelsize=7.5, color=LINE)
    shares(axes)
    key(figure, form, SERIES, told)
    return figure
