"""The share of audits that were right within their first k hypotheses."""

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group, SetResult
from cordelia.scoreboard.page.figures.canvas import key, shares
from cordelia.scoreboard.page.figures.panels import panels
from cordelia.scoreboard.page.marks import marks
from cordelia.scoreboard.page.words import sets, who


def draw(group: Group) -> Figure | None:
    """None without a graded hypothesis. A panel an auditor, a line a set."""
    shown = [result for result in group.sets if any(rate.n for rate in result.hit_curve)]
    if not shown:
        return None
    found = marks(sets(group))
    by_person: dict[str, list[SetResult]] = {}
    for result in shown:
        by_person.setdefault(who(result), []).append(result)
    figure, grid = panels(by_person, extra=0.2 * -(-len(found) // 3))
    for axes, results in zip(grid, by_person.values(), strict=False):
        for result in results:
            mark = found[result.affordance_set]
            places = range(1, len(result.hit_curve) + 1)
            axes.plot(
                places, [r.rate for r in result.hit_curve], color=mark.colour, marker=mark.marker, ls=mark.line, ms=4
            )
        shares(axes, vertical=True)
        axes.set_xticks([1, 3, 5, 10])
        axes.set_xlabel("hypotheses counted")
    key(figure, found, line=True)
    return figure
