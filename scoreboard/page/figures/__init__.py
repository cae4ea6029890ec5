"""The figures of a group, one file each. `FIGURES` names them in the order of the page."""

from collections.abc import Callable
from dataclasses import dataclass

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
from cordelia.scoreboard.page.figures.canvas import name, style, vector, written
from cordelia.scoreboard.page.figures.form import NARROW, WIDE, Form

FIGURES: dict[str, tuple[str, Callable[[Group, Form], Figure | None]]] = {
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
AS_TABLE = ("heatmap",)
"""Figures that are files alone; the page has a table instead."""


@dataclass(frozen=True)
class Drawn:
    """A figure: the text of an SVG for desks and paper, and of one for phones (empty where no page shows it); a PNG."""

    wide: str
    narrow: str
    raster: bytes = b""


def figures(group: Group) -> dict[str, Drawn]:
    """Every figure that the group has numbers for, by name."""
    found: dict[str, Drawn] = {}
    with style():
        for key, (title, draw) in FIGURES.items():
            figure = draw(group, WIDE)
            if figure is None:
                continue
            name(figure, WIDE, group, title)
            wide, raster = written(figure)
            found[key] = Drawn(wide, "" if key in AS_TABLE else _narrow(group, title, draw), raster)
    return found


def _narrow(group: Group, title: str, draw: Callable[[Group, Form], Figure | None]) -> str:
    figure = draw(group, NARROW)
    if figure is None:
        return ""
    name(figure, NARROW, group, title)
    return vector(figure)
