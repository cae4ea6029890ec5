"""How audits ended, as shares of all audits of an auditor with a set."""

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.canvas import blank, shares
from cordelia.scoreboard.page.figures.form import Form, Rows
from cordelia.scoreboard.page.marks import GREY, INK, OUTCOMES, PAPER, QUIET, Fill
from cordelia.scoreboard.page.words import who

OTHER = Fill(GREY, "--")


def draw(group: Group, form: Form) -> Figure | None:
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
    one = len({person for person, _ in bars}) == 1
    rows = Rows(form, [name if one else f"{person}\n{name}" for person, name in bars], least=0.25 if one else 0.31)
    across = 2 if form.above else 4
    figure = blank(form, 0.8 + rows.inches + 0.2 * -(-len(kinds) // across))
    axes = figure.subplots()
    for place, ends in enumerate(bars.values()):
        total, start = sum(ends.values()), 0.0
        for kind in kinds:
            share = ends.get(kind, 0) / total if total else 0.0
            fill = OUTCOMES.get(kind, OTHER)
            axes.barh(
                rows.at(place), share, left=start, height=0.72 * rows.share, color=fill.colour, hatch=fill.hatch,
                ec=PAPER, lw=0.4,
            )  # fmt: skip
            start += share
        axes.annotate(
            f"{total:,}", (1, rows.at(place)), xytext=(4, 0), textcoords="offset points", va="center", fontsize=7.5,
            color=QUIET,
        )  # fmt: skip
    rows.draw(axes)
    axes.tick_params(axis="y", labelsize=8.5 if one else 7)
    shares(axes)
    axes.set_xlim(0, 1)
    axes.annotate("audits", (1, 1), xytext=(4, 3), xycoords="axes fraction", textcoords="offset points", fontsize=7.5)
    fills = [OUTCOMES.get(kind, OTHER) for kind in kinds]
    handles = [Patch(facecolor=fill.colour, hatch=fill.hatch, edgecolor=INK, linewidth=0.4) for fill in fills]
    figure.legend(handles, [kind.replace("_", " ") for kind in kinds], loc="outside lower left", ncols=across)
    return figure
