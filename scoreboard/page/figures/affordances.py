"""The affordance plot: objectives found per set, and beside it how often the same auditor accused a control."""

from matplotlib.figure import Figure

from cordelia.scoreboard.headline import Main
from cordelia.scoreboard.models import Group, SetResult
from cordelia.scoreboard.page.figures.canvas import Bounded, at_most, blank, interval, lies_above, shares
from cordelia.scoreboard.page.figures.form import Form, Rows
from cordelia.scoreboard.page.figures.key import AT_MOST, FEW_RUNS, entries, key
from cordelia.scoreboard.page.marks import marks
from cordelia.scoreboard.page.words import COUNTED, auditors, sets, who
from cordelia.scoreboard.success import success, success_at_most


def draw(group: Group, form: Form) -> Figure | None:
    """None where no organism with an objective and no control was audited.

    An upright stroke marks where the share would stand had every audit without a score counted the other way.
    """
    if not any(value for result in group.sets for value, _ in _shown(result, group.measure)):
        return None
    names, found = sets(group), marks(auditors(group))
    rows, told = Rows(form, names, len(found)), _meanings(group)
    legend = form.legend(entries(found, told))
    if form.above:
        figure = blank(form, 2 * (0.62 + rows.inches) + 0.3 + legend)
        left, right = figure.subplots(2, 1)
    else:
        figure = blank(form, 0.95 + rows.inches + legend)
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.55, 1])
    lane = {person: number for number, person in enumerate(found)}
    for result in group.sets:
        y, mark = rows.at(names.index(result.affordance_set), lane[who(result)]), found[who(result)]
        for axes, (value, most) in zip((left, right), _shown(result, group.measure), strict=True):
            if value is not None:
                interval(axes, y, value, mark, result.few)
                at_most(axes, y, value, most, mark)
    for axes, title in ((left, COUNTED[group.measure].capitalize()), (right, "False positives on controls")):
        rows.draw(axes)
        shares(axes)
        axes.set_title(title)
    key(figure, form, found, told)
    return figure


def _shown(of: SetResult, measure: Main) -> tuple[Bounded, Bounded]:
    return (success(of, measure), success_at_most(of, measure)), (of.false_positive, of.false_positive_at_most)


def _meanings(group: Group) -> list[str]:
    far = any(lies_above(value, most) for result in group.sets for value, most in _shown(result, group.measure))
    return [FEW_RUNS] * any(result.few for result in group.sets) + [AT_MOST] * far
