"""What each set adds to the baseline set, organism by organism, in percentage points."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.canvas import blank, point, span
from cordelia.scoreboard.page.figures.form import Form, Rows
from cordelia.scoreboard.page.figures.key import BEYOND, FEW_RUNS, entries, key
from cordelia.scoreboard.page.marks import INK, LINE, marks
from cordelia.scoreboard.page.words import auditors, chance, who
from cordelia.scoreboard.statistics.models import Difference
from cordelia.scoreboard.statistics.paired import SURE


def draw(group: Group, form: Form) -> Figure | None:
    """None where nothing was audited with two sets. Beside each interval its corrected p; a star under 0.05."""
    if not group.differences:
        return None
    names = list(dict.fromkeys(each.affordance_set for each in group.differences))
    people = {who(each) for each in group.differences}
    found = {person: mark for person, mark in marks(auditors(group)).items() if person in people}
    few = {(who(each), each.affordance_set) for each in group.sets if each.few}
    told = [FEW_RUNS] * bool(few) + [BEYOND] * any(_sure(each.difference) for each in group.differences)
    rows, lane = Rows(form, names, len(found)), {person: number for number, person in enumerate(found)}
    figure = blank(form, 1.1 + rows.inches + form.legend(entries(found, told)))
    axes = figure.subplots()
    for each in group.differences:
        y, mark = rows.at(names.index(each.affordance_set), lane[who(each)]), found[who(each)]
        of_few = bool({(who(each), each.affordance_set), (who(each), each.baseline_set)} & few)
        span(axes, y, each.difference.low, each.difference.high, mark, of_few)
        point(axes, each.difference.value, y, mark, of_few)
        _chance(axes, y, each.difference)
    axes.axvline(0, color=INK, linewidth=0.9)
    rows.draw(axes)
    axes.grid(axis="x", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    baselines = ", ".join(dict.fromkeys(each.baseline_set for each in group.differences))
    axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}")
    axes.set_xlabel(form.cut(f"percentage points more than with {baselines}"))
    axes.annotate(
        "p (Holm)", (1, 1), xytext=(14, 3), xycoords="axes fraction", textcoords="offset points", fontsize=7.5
    )
    key(figure, form, found, told)
    return figure


def _sure(of: Difference) -> bool:
    return of.corrected is not None and of.corrected < SURE


def _chance(axes: Axes, y: float, of: Difference) -> None:
    """Write p at the right of the row."""
    told = chance(of.corrected).replace("under ", "< ")
    axes.annotate(
        told, (1, y), xytext=(14, 0), xycoords=axes.get_yaxis_transform(), textcoords="offset points", va="center",
        fontsize=7.5, color=INK, fontweight="bold" if _sure(of) else "normal",
    )  # fmt: skip
    if _sure(of):
        axes.plot([1.02], [y], marker="*", markersize=7, color=INK, transform=axes.get_yaxis_transform(), clip_on=False)
