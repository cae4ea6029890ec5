"""The gap from tool to agent: what an affordance's evidence identifies alone, and what auditors that had it found."""

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.canvas import blank, interval, shares
from cordelia.scoreboard.page.figures.form import Form, Rows
from cordelia.scoreboard.page.figures.key import FEW_RUNS, key
from cordelia.scoreboard.page.marks import BLUE, FEW, ORANGE, Mark

SERIES = {"identified by the evidence alone": Mark(ORANGE, "D"), "found by auditors that had it": Mark(BLUE, "o")}


def draw(group: Group, form: Form) -> Figure | None:
    """None without a tool check."""
    if not group.gaps:
        return None
    told = [FEW_RUNS] * any(0 < rate.n < FEW for gap in group.gaps for rate in (gap.identified, gap.found))
    rows = Rows(form, [gap.affordance for gap in group.gaps], len(SERIES), 0.36)
    figure = blank(form, 0.75 + rows.inches + form.legend(len(SERIES) + len(told)))
    axes = figure.subplots()
    for place, gap in enumerate(group.gaps):
        for lane, (rate, mark) in enumerate(zip((gap.identified, gap.found), SERIES.values(), strict=True)):
            if rate.n:
                interval(axes, rows.at(place, lane), rate, mark, rate.n < FEW)
    rows.draw(axes)
    shares(axes)
    key(figure, form, SERIES, told)
    return figure
