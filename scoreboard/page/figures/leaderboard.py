"""The leaderboard as a plot: each auditor over its sets, what it found (circles) and false positives (crosses)."""

from matplotlib.figure import Figure

from cordelia.scoreboard.headline import Main
from cordelia.scoreboard.models import AuditorResult, Group
from cordelia.scoreboard.page.figures.canvas import Bounded, at_most, blank, interval, lies_above, shares
from cordelia.scoreboard.page.figures.form import Form, Rows
from cordelia.scoreboard.page.figures.key import AT_MOST, FEW_RUNS, key
from cordelia.scoreboard.page.marks import BLUE, VERMILLION, Mark
from cordelia.scoreboard.page.words import COUNTED, who
from cordelia.scoreboard.success import success, success_at_most

FOUND, ACCUSED = Mark(BLUE, "o"), Mark(VERMILLION, "X")


def draw(group: Group, form: Form) -> Figure | None:
    """None without an auditor that has a figure."""
    shown = [each for each in group.auditors if any(value for value, _ in _values(each, group.measure))]
    if not shown:
        return None
    series = {COUNTED[group.measure]: FOUND, "false positives on controls": ACCUSED}
    few = {who(each) for each in group.sets if each.few}
    told = [FEW_RUNS] * any(who(each) in few for each in shown)
    told += [AT_MOST] * any(lies_above(value, most) for each in shown for value, most in _values(each, group.measure))
    rows = Rows(form, [who(each) for each in shown], len(series), 0.42)
    figure = blank(form, 0.75 + rows.inches + form.legend(len(series) + len(told)))
    axes = figure.subplots()
    for place, each in enumerate(shown):
        for lane, ((value, most), mark) in enumerate(zip(_values(each, group.measure), series.values(), strict=True)):
            if value is not None:
                interval(axes, rows.at(place, lane), value, mark, who(each) in few)
                at_most(axes, rows.at(place, lane), value, most, mark)
    rows.draw(axes)
    shares(axes)
    key(figure, form, series, told)
    return figure


def _values(of: AuditorResult, measure: Main) -> tuple[Bounded, Bounded]:
    return (success(of, measure), success_at_most(of, measure)), (of.false_positive, of.false_positive_at_most)
