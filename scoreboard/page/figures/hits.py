"""The share of audits that were right within their first k hypotheses."""

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.canvas import curve, lifts, shares
from cordelia.scoreboard.page.figures.form import Form
from cordelia.scoreboard.page.figures.key import FEW_RUNS, entries, key
from cordelia.scoreboard.page.figures.panels import by_auditor, panels
from cordelia.scoreboard.page.marks import marks
from cordelia.scoreboard.page.words import sets

MARKED = (1, 3, 5, 10)


def draw(group: Group, form: Form) -> Figure | None:
    """None without a graded hypothesis. A panel an auditor, a line a set."""
    people = by_auditor(result for result in group.sets if any(rate.n for rate in result.hit_curve))
    if not people:
        return None
    found, told = marks(sets(group)), [FEW_RUNS] * any(each.few for held in people.values() for each in held)
    figure, grid = panels(list(people), form, extra=form.legend(entries(found, told)))
    for axes, results in zip(grid, people.values(), strict=True):
        curves = [[(float(k), rate.rate) for k, rate in enumerate(each.hit_curve, start=1)] for each in results]
        for result, points, lift in zip(results, curves, lifts(curves), strict=True):
            at = [k - 1 for k in MARKED if k <= len(points)]
            curve(axes, points, found[result.affordance_set], result.few, lift, at)
        shares(axes, vertical=True)
        axes.set_xlim(MARKED[0] - 0.5, MARKED[-1] + 0.5)
        axes.set_xticks(MARKED)
        axes.set_xlabel("hypotheses counted")
    for axes in grid[:: form.across]:
        axes.set_ylabel("audits with a hit")
    key(figure, form, found, told, line=True)
    return figure
