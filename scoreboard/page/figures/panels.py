"""Panels side by side, or below each other, one an auditor."""

from collections.abc import Iterable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cordelia.scoreboard.models import SetResult
from cordelia.scoreboard.page.figures.canvas import blank
from cordelia.scoreboard.page.figures.form import Form
from cordelia.scoreboard.page.words import who

HEIGHT = 2.3


def panels(titles: Sequence[str], form: Form, extra: float = 0.0, same_x: bool = True) -> tuple[Figure, list[Axes]]:
    """A figure with a titled panel for each of `titles` (at least one), and their axes.

    Args:
        titles: who each is of.
        form: how many stand side by side.
        extra: inches for what stands below the panels.
        same_x: whether the panels share their horizontal axis.
    """
    across = min(form.across, max(2, len(titles)))
    down = -(-len(titles) // across)
    figure = blank(form, down * HEIGHT + 0.3 + extra)
    grid = list(figure.subplots(down, across, squeeze=False, sharex=same_x, sharey=True).flat)
    for axes, title in zip(grid, titles, strict=False):
        axes.set_title(form.cut(title.replace(" · ", "\n")), fontsize=8)
        axes.tick_params(labelbottom=True)
    for axes in grid[len(titles) :]:
        axes.set_visible(False)
    return figure, grid[: len(titles)]


def by_auditor(results: Iterable[SetResult]) -> dict[str, list[SetResult]]:
    """The results of each auditor."""
    found: dict[str, list[SetResult]] = {}
    for result in results:
        found.setdefault(who(result), []).append(result)
    return found
