"""How far two graders agree beyond chance, with the interval of kappa."""

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures.canvas import blank, rows
from cordelia.scoreboard.page.marks import BLUE, INK, LINE


def draw(group: Group) -> Figure | None:
    """None where no two graders graded the same audits, or one of each two always says the same."""
    shown = [(each, each.kappa) for each in group.agreement if each.kappa is not None]
    if not shown:
        return None
    figure = blank(0.8 + 0.3 * len(shown))
    axes = figure.subplots()
    for place, (each, kappa) in enumerate(shown):
        if each.low is not None and each.high is not None:
            axes.plot([each.low, each.high], [place, place], color=BLUE, linewidth=1.6)
        axes.plot([kappa], [place], marker="o", markersize=5.5, color=BLUE)
    axes.axvline(0, color=INK, linewidth=0.9)
    rows(axes, [f"{each.first}\nand {each.second}" for each, _ in shown])
    axes.set_xlim(min(-0.2, *(each.low or 0.0 for each, _ in shown)) - 0.03, 1.04)
    axes.grid(axis="x", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_xlabel("Cohen's kappa (0: as often as by chance; 1: always)")
    return figure
