"""The legend of a figure: its series, and what each kind of mark means, as far as it is in the figure.

Every mark has one meaning on the whole page: hollow with a broken line is few runs, half filled few hypotheses, an
upright stroke the share with the unscored counted the other way, a star a difference beyond chance.
"""

from collections.abc import Iterable, Mapping

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cordelia.scoreboard.page.figures.form import Form
from cordelia.scoreboard.page.marks import BROKEN, INK, PAPER, QUIET, SIZE, Mark

FEW_RUNS, FEW_GUESSES = "under ten runs", "under ten hypotheses"
AT_MOST, BEYOND = "unscored counted the other way", "p < 0.05"
_MEANINGS: dict[str, Line2D] = {
    FEW_RUNS: Line2D(
        [], [], color=QUIET, marker="o", markersize=SIZE, markerfacecolor=PAPER, linewidth=1.6, linestyle=BROKEN
    ),
    AT_MOST: Line2D([], [], color=QUIET, marker="|", markersize=9, linestyle="none"),
    BEYOND: Line2D([], [], color=INK, marker="*", markersize=7, linestyle="none"),
    FEW_GUESSES: Line2D(
        [], [], color=QUIET, marker="o", markersize=SIZE + 1, fillstyle="left", markerfacecoloralt=PAPER,
        linestyle="none",
    ),
}  # fmt: skip


def entries(series: Mapping[str, Mark], meanings: Iterable[str]) -> int:
    """How many entries `key` will have; one series needs none."""
    return (len(series) if len(series) > 1 else 0) + len(list(meanings))


def key(
    figure: Figure, form: Form, series: Mapping[str, Mark], meanings: Iterable[str] = (), line: bool = False
) -> None:
    """Draw the legend below a figure; `line` where series are curves. None where there is nothing to tell apart."""
    shown = series if len(series) > 1 else {}
    handles = {
        form.cut(name): Line2D(
            [], [], color=mark.colour, marker=mark.marker, markersize=SIZE, linestyle="-" if line else "none"
        )
        for name, mark in shown.items()
    } | {name: _MEANINGS[name] for name in meanings}
    if handles:
        figure.legend(
            list(handles.values()), list(handles), loc="outside lower left", ncols=min(form.keys, len(handles))
        )
