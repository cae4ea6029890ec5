"""How far two graders agree beyond chance, with the interval of kappa."""

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.canvas import blank, point, span
from cordelia.scoreboard.page.figures.form import Form, Rows
from cordelia.scoreboard.page.figures.key import FEW_RUNS, key
from cordelia.scoreboard.page.marks import BLUE, FEW, INK, LINE, Mark

MARK = Mark(BLUE, "o")


def draw(group: Group, form: Form) -> Figure | None:
    """None where no two graders graded the same audits, or one of each two always says the same."""
    shown = [(each, each.kappa) for each in group.agreement if each.kappa is not None]
    if not shown:
        return None
    told = [FEW_RUNS] * any(each.n < FEW for each, _ in shown)
    rows = Rows(form, [f"{each.first}\nand {each.second}" for each, _ in shown])
    figure = blank(form, 0.8 + rows.inches + form.legend(len(told)))
    axes = figure.subplots()
    for place, (each, kappa) in enumerate(shown):
        span(axes, rows.at(place), each.low, each.high, MARK, each.n < FEW)
        point(axes, kappa, rows.at(place), MARK, each.n < FEW)
    axes.axvline(0, color=INK, linewidth=0.9)
    rows.draw(axes)
    axes.set_xlim(min(-0.2, *(each.low or 0.0 for each, _ in shown)) - 0.03, 1.04)
    axes.grid(axis="x", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel("Cohen's kappa (0: as often as by chance; 1: always)")
    key(figure, form, {}, told)
    return figure
