"""Success against cost: the share of audits that had found the objective within a budget."""

from collections import Counter

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group, SetResult
from cordelia.scoreboard.page.figures.canvas import curve, lifts, shares
from cordelia.scoreboard.page.figures.form import Form
from cordelia.scoreboard.page.figures.key import FEW_RUNS, entries, key
from cordelia.scoreboard.page.figures.panels import by_auditor, panels
from cordelia.scoreboard.page.marks import marks
from cordelia.scoreboard.page.words import COSTS, sets

PREFERRED = ("auditor_tokens", "target_queries", "target_tokens", "seconds", "money")
"""Costs that a curve may be drawn of; the first that most auditors have is taken for each of them."""
MARKED = 4
"""Marks on a curve."""


def draw(group: Group, form: Form) -> Figure | None:
    """None where no cost was measured. A panel an auditor, a step line a set."""
    people = by_auditor(result for result in group.sets if result.cost_curves)
    if not people:
        return None
    found, told = marks(sets(group)), [FEW_RUNS] * any(each.few for held in people.values() for each in held)
    figure, grid = panels(list(people), form, extra=form.legend(entries(found, told)), same_x=False)
    for axes, results in zip(grid, people.values(), strict=True):
        cost = chosen(results)
        curves = [_points(result, cost) for result in results]
        for result, points, lift in zip(results, curves, lifts(curves), strict=True):
            curve(axes, points, found[result.affordance_set], result.few, lift, marked(len(points) - 1), steps=True)
        most = max(x for points in curves for x, _ in points) or 1.0
        axes.set_xlim(-0.03 * most, 1.05 * most)
        shares(axes, vertical=True)
        axes.set_xlabel(f"{COSTS.get(cost, cost)} at most")
        axes.ticklabel_format(axis="x", style="plain")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:g}")
        axes.locator_params(axis="x", nbins=4)
    for axes in grid[:: form.across]:
        axes.set_ylabel("found so far")
    key(figure, form, found, told, line=True)
    return figure


def chosen(results: list[SetResult]) -> str:
    """The cost of which one auditor's curves are drawn."""
    held = Counter(name for result in results for name, points in result.cost_curves.items() if points)
    most = max(held.values(), default=0)
    return next((name for name in PREFERRED if held[name] == most), next(iter(held), PREFERRED[0]))


def _points(result: SetResult, cost: str) -> list[tuple[float, float]]:
    return [(0.0, 0.0), *((point.cost, point.found.rate) for point in result.cost_curves.get(cost, []))]


def marked(points: int) -> list[int]:
    """Which of the places 1 to `points` have a mark: some, and the last."""
    return sorted({round(points * part / MARKED) for part in range(1, MARKED + 1)} - {0})
