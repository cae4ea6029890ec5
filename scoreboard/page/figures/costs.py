"""Success against cost: the share of audits that had found the objective within a budget."""

from collections import Counter
from collections.abc import Sequence

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group, SetResult
from cordelia.scoreboard.page.figures.canvas import curve, lifts, shares
from cordelia.scoreboard.page.figures.form import Form
from cordelia.scoreboard.page.figures.key import FEW_RUNS, entries, key
from cordelia.scoreboard.page.figures.panels import by_auditor, panels
from cordelia.scoreboard.page.marks import marks
from cordelia.scoreboard.page.words import COSTS, sets, who

PREFERRED = ("auditor_tokens", "target_queries", "target_tokens", "seconds", "money")
"""Costs that curves may be drawn of; the first that most of the results have is taken for all of a figure."""
MARKED = 4
"""Marks on a curve."""


def draw(group: Group, form: Form) -> Figure | None:
    """None where no cost was measured. A panel an auditor, a step line a set; one cost and one scale for all."""
    cost = chosen(group.sets)
    people = by_auditor(result for result in group.sets if result.cost_curves.get(cost))
    if not people:
        return None
    found, told = marks(sets(group)), [FEW_RUNS] * any(each.few for held in people.values() for each in held)
    figure, grid = panels(list(people), form, extra=form.legend(entries(found, told)), same_x=True)
    dearest = max(x for held in people.values() for each in held for x, _ in _points(each, cost)) or 1.0
    for axes, results in zip(grid, people.values(), strict=True):
        curves = [_points(result, cost) for result in results]
        for result, points, lift in zip(results, curves, lifts(curves), strict=True):
            curve(axes, points, found[result.affordance_set], result.few, lift, marked(len(points) - 1), steps=True)
        axes.set_xlim(-0.03 * dearest, 1.05 * dearest)
        shares(axes, vertical=True)
        axes.set_xlabel(f"{COSTS.get(cost, cost)} at most")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:g}")
        axes.locator_params(axis="x", nbins=4)
    for axes in grid[:: form.across]:
        axes.set_ylabel("found so far")
    key(figure, form, found, told, line=True)
    return figure


def chosen(results: Sequence[SetResult]) -> str:
    """The one cost of which a figure's curves are drawn, so that its panels can be held against each other."""
    held = Counter(name for result in results for name, points in result.cost_curves.items() if points)
    most = max(held.values(), default=0)
    return next((name for name in PREFERRED if held[name] == most), next(iter(held), PREFERRED[0]))


def without(results: Sequence[SetResult]) -> list[str]:
    """The auditors that have no curve of it: it was not measured, or all of their audits cost the same."""
    cost = chosen(results)
    drawn = {who(result) for result in results if result.cost_curves.get(cost)}
    return sorted({who(result) for result in results} - drawn)


def unknown(results: Sequence[SetResult]) -> int:
    """Audits in the figure's curves whose cost is not known."""
    cost = chosen(results)
    return sum(result.costs_unknown.get(cost, 0) for result in results if result.cost_curves.get(cost))


def _points(result: SetResult, cost: str) -> list[tuple[float, float]]:
    return [(0.0, 0.0), *((point.cost, point.found.rate) for point in result.cost_curves.get(cost, []))]


def marked(points: int) -> list[int]:
    """Which of the places 1 to `points` have a mark: some, and the last."""
    return sorted({round(points * part / MARKED) for part in range(1, MARKED + 1)} - {0})
