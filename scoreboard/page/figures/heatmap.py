"""The heatmap: organism × affordance set, a panel an auditor; controls below, with a colour and mark of their own."""

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cordelia.scoreboard.models import CellResult, Group
from cordelia.scoreboard.page.figures.canvas import blank
from cordelia.scoreboard.page.figures.form import Form
from cordelia.scoreboard.page.marks import BLUE, INK, PAPER, QUIET, VERMILLION
from cordelia.scoreboard.page.words import auditors, sets, who

MOST = 0.8
"""How much of a colour the fullest cell has, so that its number can be read."""
FOUND = LinearSegmentedColormap.from_list("found", [PAPER, BLUE])
ACCUSED = LinearSegmentedColormap.from_list("accused", [PAPER, VERMILLION])
PANELS = 3


def draw(group: Group, form: Form) -> Figure | None:
    """None without a cell. Drawn as a file alone: on the page it is a table, and opens transcripts."""
    if not group.cells:
        return None
    names, lines, people = sets(group), [*group.organisms, *group.controls], auditors(group)
    across = min(PANELS, len(people))
    down = -(-len(people) // across)
    figure = blank(form, down * (1.25 + 0.23 * len(lines)))
    grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    panels = list(grid.flat)
    for axes, person in zip(panels, people, strict=False):
        mine = [cell for cell in group.cells if who(cell) == person]
        _panel(axes, mine, names, lines, len(group.organisms), 2 * PANELS // across)
        axes.set_title(form.cut(person.replace(" · ", "\n")), fontsize=8)
    for axes in panels[len(people) :]:
        axes.set_visible(False)
    return figure


def _panel(
    axes: Axes, cells: list[CellResult], names: list[str], lines: list[str], objectives: int, least: int
) -> None:
    """Draw one auditor's cells; a panel has room for `least` sets, so that one set is no bar across the figure."""
    for cell in cells:
        rate = cell.false_positive if cell.control else cell.found
        if rate is None or not rate.n:
            continue
        x, y = names.index(cell.affordance_set), lines.index(cell.organism)
        colour = (ACCUSED if cell.control else FOUND)(MOST * rate.rate)
        hatch, line = ("//", (0, (2, 2))) if cell.few else ("", "solid")
        axes.add_patch(
            Rectangle(
                (x - 0.47, y - 0.45), 0.94, 0.9, facecolor=colour, edgecolor=QUIET, hatch=hatch, linestyle=line, lw=0.5
            )
        )
        told = f"{'▲' if cell.control else ''}{rate.shown}/{rate.n}"
        box = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8} if cell.few else None
        axes.text(x, y, told, ha="center", va="center", fontsize=6.8, color=INK, bbox=box)
    axes.set_xlim(-0.5, max(len(names), least) - 0.5)
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor", fontsize=7.5)
    labels = [name if place < objectives else f"{name} (control)" for place, name in enumerate(lines)]
    axes.set_yticks(range(len(lines)), labels, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if 0 < objectives < len(lines):
        axes.plot([-0.5, len(names) - 0.5], [objectives - 0.5] * 2, color=INK, linewidth=0.9)
