"""How audits ended, as shares of all audits of an auditor with a set."""

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.canvas import blank, rows, shares
from cordelia.scoreboard.page.marks import GREY, INK, OUTCOMES, PAPER, Fill
from cordelia.scoreboard.page.words import who

OTHER = Fill(GREY, "--")


def draw(group: Group) -> Figure | None:
    """None without an audit."""
    bars: dict[tuple[str, str], dict[str, int]] = {}
    for each in group.outcomes:
        ends = bars.setdefault((who(each), each.affordance_set), {})
        ends[each.outcome] = ends.get(each.outcome, 0) + each.count
    if not bars:
        return None
    kinds = sorted({each.outcome for each in group.outcomes}, key=lambda kind: ([*OUTCOMES, kind].index(kind), kind))
    order = [(who(each), each.affordance_set) for each in group.sets]
    bars = dict(sorted(bars.items(), key=lambda bar: ([*order, bar[0]].index(bar[0]), bar[0])))
    people = {person for person, _ in bars}
    figure = blank(1.0 + (0.25 if len(people) == 1 else 0.31) * len(bars) + 0.2 * -(-len(kinds) // 4))
    axes = figure.subplots()
    for place, ends in enumerate(bars.values()):
        total, start = sum(ends.values()), 0.0
        for kind in kinds:
            share = ends.get(kind, 0) / total if total else 0.0
            fill = OUTCOMES.get(kind, OTHER)
            axes.barh(place, share, left=start, height=0.72, color=fill.colour, hatch=fill.hatch, ec=PAPER, lw=0.4)
            start += share
    rows(axes, [name if len(people) == 1 else f"{person}\n{name}" for person, name in bars])
    axes.tick_params(axis="y", labelsize=7 if len(people) > 1 else 8.5)
    shares(axes)
    axes.set_xlim(0, 1)
    fills = [OUTCOMES.get(kind, OTHER) for kind in kinds]
    handles = [Patch(facecolor=fill.colour, hatch=fill.hatch, edgecolor=INK, linewidth=0.4) for fill in fills]
    figure.legend(handles, [kind.replace("_", " ") for kind in kinds], loc="outside lower left", ncols=4)
    return figure
