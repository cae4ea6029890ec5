"""Panels side by side, one an auditor."""

from collections.abc import Collection

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordelia.scoreboard.page.figures.canvas import blank, cut

ACROSS = 3
HEIGHT = 2.3


def panels(people: Collection[str], extra: float = 0.0, same_x: bool = True) -> tuple[Figure, list[Axes]]:
    """A figure with a titled panel for each of `people` (at least one), and their axes.

    Args:
        people: the titles.
        extra: inches for what stands below the panels.
        same_x: whether the panels share their horizontal axis.
    """
    across = min(ACROSS, max(2, len(people)))
    down = -(-len(people) // across)
    figure = blank(down * HEIGHT + 0.3 + extra)
    grid = list(figure.subplots(down, across, squeeze=False, sharex=same_x, sharey=True).flat)
    for axes, person in zip(grid, people, strict=False):
        axes.set_title(cut(person.replace(" · ", "\n")), fontsize=8.5)
        axes.tick_params(labelbottom=True)
    for axes in grid[len(people) :]:
        axes.set_visible(False)
    return figure, grid[: len(people)]
