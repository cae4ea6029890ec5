"""The leaderboard as a plot: each auditor over its sets, objectives found (circles) and false positives (crosses)."""

from matplotlib.figure import Figure

from cordelia.scoreboard.models import AuditorResult, Group
from cordelia.scoreboard.page.figures.canvas import Bounded, at_most, blank, interval, lies_above, shares
from cordelia.scoreboard.page.figures.form import Form, Rows
from cordelia.scoreboard.page.figures.key import AT_MOST, FEW_RUNS, key
from cordelia.scoreboard.page.marks import BLUE, VERMILLION, Mark
from cordelia.scoreboard.page.words import who

SERIES = {"objective found": Mark(BLUE, "o"), "false positives on controls": Mark(VERMILLION, "X")}


def draw(group: Group, form: Form) -> Figure | None:
    """None without an auditor that has a figure."""
    shown = [each for each in group.auditors if each.found or each.false_positive]
    if not shown:
        return None
    few = {who(each) for each in group.sets if each.few}
    told = [FEW_RUNS] * any(who(each) in few for each in shown)
    told += [AT_MOST] * any(lies_above(value, most) for each in shown for value, most in _values(each))
    rows = Rows(form, [who(each) for each in shown], len(SERIES), 0.42)
    figure = blank(form, 0.75 + rows.inches + form.legend(len(SERIES) + len(told)))
    axes = figure.subplots()
    for place, each in enumerate(shown):
        for lane, ((value, most), mark) in enumerate(zip(_values(each), SERIES.values(), strict=True)):
            if value is not None:
                interval(axes, rows.at(place, lane), value, mark, who(each) in few)
                at_most(axes, rows.at(place, lane), value, most, mark)
    rows.draw(axes)
    shares(axes)
    key(figure, form, SERIES, told)
    return figure


def _values(of: AuditorResult) -> tuple[Bounded, Bounded]:
    return (of.found, of.found_at_most), (of.false_positive, of.false_positive_at_most)
