"""What each set adds to the baseline set, organism by organism, in percentage points."""

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.canvas import ROW, blank, key, lanes, rows
from cordelia.scoreboard.page.marks import INK, LINE, PAPER, marks
from cordelia.scoreboard.page.words import auditors, who
from cordelia.scoreboard.statistics.paired import SURE


def draw(group: Group) -> Figure | None:
    """None where nothing was audited with two sets. Filled: a corrected p under 0.05."""
    if not group.differences:
        return None
    names = list(dict.fromkeys(each.affordance_set for each in group.differences))
    found = marks(auditors(group))
    lane = dict(zip(found, lanes(len(found)), strict=True))
    figure = blank(1.0 + len(names) * max(0.34, ROW * len(found)) + 0.2 * -(-len(found) // 3))
    axes = figure.subplots()
    for each in group.differences:
        y, mark, told = names.index(each.affordance_set) + lane[who(each)], found[who(each)], each.difference
        sure = told.corrected is not None and told.corrected < SURE
        if told.low is not None and told.high is not None:
            axes.plot([100 * told.low, 100 * told.high], [y, y], color=mark.colour, linewidth=1.6)
        face = mark.colour if sure else PAPER
        axes.plot([100 * told.value], [y], marker=mark.marker, markersize=5.5, color=mark.colour, markerfacecolor=face)
    axes.axvline(0, color=INK, linewidth=0.9)
    rows(axes, names)
    axes.grid(axis="x", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    baselines = ", ".join(dict.fromkeys(each.baseline_set for each in group.differences))
    axes.set_xlabel(f"percentage points more than with {baselines}")
    key(figure, {name: mark for name, mark in found.items() if name in set(map(who, group.differences))})
    return figure
