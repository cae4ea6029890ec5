"""The affordance plot: objectives found per set, and beside it how often the same auditor accused a control."""

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.canvas import ROW, blank, interval, key, lanes, rows, shares
from cordelia.scoreboard.page.marks import marks
from cordelia.scoreboard.page.words import auditors, sets, who

VISIBLE = 0.005


def draw(group: Group) -> Figure | None:
    """None where no organism with an objective and no control was audited.

    An upright stroke marks where the share would stand had every audit without a score counted the other way.
    """
    if not any(result.found or result.false_positive for result in group.sets):
        return None
    names, found = sets(group), marks(auditors(group))
    lane = dict(zip(found, lanes(len(found)), strict=True))
    figure = blank(0.95 + len(names) * max(0.34, ROW * len(found)) + 0.2 * -(-len(found) // 3))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[1.55, 1])
    for result in group.sets:
        y, mark = names.index(result.affordance_set) + lane[who(result)], found[who(result)]
        for axes, value, most in (
            (left, result.found, result.found_at_most),
            (right, result.false_positive, result.false_positive_at_most),
        ):
            if value is not None:
                interval(axes, y, value, mark, result.few)
            if value is not None and most is not None and most.value - value.value > VISIBLE:
                axes.plot([most.value], [y], marker="|", markersize=9, color=mark.colour)
    rows(left, names)
    rows(right, names)
    for axes, title in ((left, "Objective found"), (right, "False positives on controls")):
        shares(axes)
        axes.set_title(title)
    key(figure, found)
    return figure
