"""The gap from tool to agent: what an affordance's evidence identifies alone, and what auditors that had it found."""

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.canvas import blank, interval, key, rows, shares
from cordelia.scoreboard.page.marks import BLUE, ORANGE, Mark

ALONE, AGENT = Mark(ORANGE, "D", "-"), Mark(BLUE, "o", "-")


def draw(group: Group) -> Figure | None:
    """None without a tool check."""
    if not group.gaps:
        return None
    figure = blank(0.95 + 0.36 * len(group.gaps))
    axes = figure.subplots()
    for place, gap in enumerate(group.gaps):
        if gap.identified.n:
            interval(axes, place - 0.16, gap.identified, ALONE, gap.identified.n < 10)
        if gap.found.n:
            interval(axes, place + 0.16, gap.found, AGENT, gap.found.n < 10)
    rows(axes, [gap.affordance for gap in group.gaps])
    shares(axes)
    key(figure, {"identified by the evidence alone": ALONE, "found by auditors that had it": AGENT})
    return figure
