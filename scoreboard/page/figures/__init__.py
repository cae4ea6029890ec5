"""The figures of a group, one file each. `FIGURES` names them in the order of the page."""

from collections.abc import Callable

from matplotlib.figure import Figure

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures import (
    affordances,
    agreement,
    calibration,
    costs,
    differences,
    gaps,
    heatmap,
    hits,
    leaderboard,
    outcomes,
    tools,
)
from cordelia.scoreboard.page.figures.canvas import name, style, written

FIGURES: dict[str, tuple[str, Callable[[Group], Figure | None]]] = {
    "affordances": ("success by affordance set", affordances.draw),
    "differences": ("what a set adds", differences.draw),
    "heatmap": ("organism by affordance set", heatmap.draw),
    "leaderboard": ("auditors", leaderboard.draw),
    "costs": ("success within a budget", costs.draw),
    "hits": ("right within the first k hypotheses", hits.draw),
    "calibration": ("confidence and truth", calibration.draw),
    "outcomes": ("how audits ended", outcomes.draw),
    "tools": ("tools of winners", tools.draw),
    "gaps": ("from tool to agent", gaps.draw),
    "agreement": ("agreement of graders", agreement.draw),
}


def figures(group: Group) -> dict[str, tuple[str, bytes]]:
    """SVG text and PNG of every figure that the group has numbers for, by name."""
    found: dict[str, tuple[str, bytes]] = {}
    with style():
        for key, (title, draw) in FIGURES.items():
            figure = draw(group)
            if figure is not None:
                name(figure, group, title)
                found[key] = written(figure)
    return found
