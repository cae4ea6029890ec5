"""Success against cost: the share of audits that had found the objective within a budget."""

from collections import Counter

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group, SetResult
from cordelia.scoreboard.page.figures.canvas import key, shares
from cordelia.scoreboard.page.figures.panels import panels
from cordelia.scoreboard.page.marks import marks
from cordelia.scoreboard.page.words import COSTS, sets, who

PREFERRED = ("auditor_tokens", "target_queries", "target_tokens", "seconds", "money")
"""Costs that a curve may be drawn of; the first that most auditors have is taken for each of them."""


def draw(group: Group) -> Figure | None:
    """None where no cost was measured. A panel an auditor, a step line a set."""
    by_person: dict[str, list[SetResult]] = {}
    for result in group.sets:
        if result.cost_curves:
            by_person.setdefault(who(result), []).append(result)
    if not by_person:
        return None
    found = marks(sets(group))
    figure, grid = panels(by_person, extra=0.2 * -(-len(found) // 3), same_x=False)
    for axes, results in zip(grid, by_person.values(), strict=True):
        cost = chosen(results)
        for result in results:
            mark = found[result.affordance_set]
            points = result.cost_curves.get(cost, [])
            axes.step(
                [0.0, *(point.cost for point in points)],
                [0.0, *(point.found.rate for point in points)],
                where="post",
                color=mark.colour,
                ls=mark.line,
            )
            for point in points[-1:]:
                axes.plot([point.cost], [point.found.rate], color=mark.colour, marker=mark.marker, ms=5.5)
        shares(axes, vertical=True)
        axes.set_xlabel(f"{COSTS.get(cost, cost)} at most")
        axes.ticklabel_format(axis="x", style="plain")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:g}")
        axes.locator_params(axis="x", nbins=4)
    key(figure, found, line=True)
    return figure


def chosen(results: list[SetResult]) -> str:
    """The cost of which one auditor's curves are drawn."""
    held = Counter(name for result in results for name, points in result.cost_curves.items() if points)
    most = max(held.values(), default=0)
    return next((name for name in PREFERRED if held[name] == most), next(iter(held), PREFERRED[0]))
