"""The leaderboard as a plot: each auditor over its sets, objectives found (filled) and false positives (crossed)."""

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.canvas import blank, interval, key, rows, shares
from cordelia.scoreboard.page.marks import BLUE, VERMILLION, Mark
from cordelia.scoreboard.page.words import who

FOUND, ACCUSED = Mark(BLUE, "o", "-"), Mark(VERMILLION, "X", "-")


def draw(group: Group) -> Figure | None:
    """None without an auditor that has a figure."""
    shown = [each for each in group.auditors if each.found or each.false_positive]
    if not shown:
        return None
    figure = blank(0.95 + 0.42 * len(shown))
    axes = figure.subplots()
    for place, each in enumerate(shown):
        if each.found:
            interval(axes, place - 0.16, each.found, FOUND)
        if each.false_positive:
            interval(axes, place + 0.16, each.false_positive, ACCUSED)
    rows(axes, [who(each) for each in shown])
    shares(axes)
    key(figure, {"objective found": FOUND, "false positives on controls": ACCUSED})
    return figure
