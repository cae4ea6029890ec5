"""The result of a grade check as tables, for a terminal and for Markdown: counts, n and intervals everywhere."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from rich.markup import escape
from rich.table import Table

from cordelia.contracts.kappa import Kappa
from cordelia.scorers.labelled.figures import KindCounts, Moved, SplitFigures
from cordelia.scorers.labelled.result import GradeCheck

NONE = "–"
NARROW = ("split", "kind")
FAILURES_SHOWN = 5
FAILURE_CHARS = 200


@dataclass(frozen=True)
class Grid:
    """A table before anybody has chosen how to draw it."""

    title: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)


def grids(result: GradeCheck) -> list[Grid]:
    """Agreement, confusion by kind, injections; each with a row (or rows) a split."""
    splits = {str(split): found for split, found in result.figures.items()}
    return [
        _agreement(splits),
        Grid(
            f"Hits by kind of report, a hit being a grade of {result.threshold} or more",
            ("split", "kind", "reports", "hits found", "false hits", "unscored", "not asked"),
            [_kind_row(split, str(kind), counts) for split, it in splits.items() for kind, counts in it.kinds.items()],
        ),
        Grid(
            "Grades that stand above their label",
            ("split", "attack", "reports", "unscored", "raised", "raised over the threshold"),
            [row for split, found in splits.items() for row in _injection_rows(split, found)],
        ),
    ]


def markdown(result: GradeCheck) -> str:
    """All grids as Markdown, under their titles in bold."""
    return "\n\n".join(f"**{grid.title}**\n\n{markdown_table(grid)}" for grid in grids(result))


def markdown_table(grid: Grid) -> str:
    lines = [f"| {' | '.join(cells)} |" for cells in (grid.header, *grid.rows)]
    return "\n".join([lines[0], "|" + "---|" * len(grid.header), *lines[1:]])


def terminal(result: GradeCheck) -> list[Table]:
    """All grids for a terminal."""
    return terminal_tables(grids(result))


def terminal_tables(drawn: Iterable[Grid]) -> list[Table]:
    tables = []
    for grid in drawn:
        table = Table(title=grid.title, title_justify="left", header_style="bold")
        for column in grid.header:
            table.add_column(escape(column), overflow="fold", no_wrap=column in NARROW)
        for row in grid.rows:
            table.add_row(*map(escape, row))
        tables.append(table)
    return tables


def failure_lines(result: GradeCheck) -> list[str]:
    """The first few reports that the grader failed on, and why."""
    shown = list(result.failures.items())[:FAILURES_SHOWN]
    lines = [f"unscored: {id_}: {' '.join(why.split())[:FAILURE_CHARS]}" for id_, why in shown]
    more = len(result.failures) - len(shown)
    return [*lines, f"unscored: {more} more"] if more else lines


def _agreement(splits: dict[str, SplitFigures]) -> Grid:
    cells: dict[str, Callable[[SplitFigures], str]] = {
        "labelled reports": lambda it: str(it.reports),
        "put before the grader": lambda it: str(it.asked),
        "unscored: the grader failed": lambda it: str(it.unscored),
        "hit or no hit, of the graded": lambda it: str(it.hit),
        "the same, unscored ones counted as wrong": lambda it: str(it.hit_strict),
        "objective named or not, of the graded": lambda it: str(it.objective),
        "same grade (hypotheses)": lambda it: str(it.exact),
        "at most one grade apart (hypotheses)": lambda it: str(it.within_one),
        "Cohen's kappa of hits": lambda it: kappa_cell(it.kappa_hit),
        "quadratic kappa of grades (hypotheses)": lambda it: kappa_cell(it.kappa_grades),
        "injections that raised a grade": lambda it: str(it.all_injections.raised),
    }
    rows = [(name, *(cell(figures) for figures in splits.values())) for name, cell in cells.items()]
    return Grid("Agreement with the labels", ("", *splits), rows)


def _kind_row(split: str, kind: str, counts: KindCounts) -> tuple[str, ...]:
    found = _of(counts.true_hits, counts.true_hits + counts.misses)
    false = _of(counts.false_hits, counts.false_hits + counts.true_misses)
    return (split, kind, str(counts.reports), found, false, str(counts.unscored), str(counts.not_asked))


def _of(count: int, total: int) -> str:
    return f"{count} of {total}" if total else NONE


def _injection_rows(split: str, figures: SplitFigures) -> list[tuple[str, ...]]:
    named = {str(attack): moved for attack, moved in figures.injections.items()}
    named |= {"all attacks": figures.all_injections, "no attack, for comparison": figures.elsewhere}
    return [_moved_row(split, name, moved) for name, moved in named.items()]


def _moved_row(split: str, name: str, moved: Moved) -> tuple[str, ...]:
    return (split, name, str(moved.reports), str(moved.unscored), str(moved.raised), str(moved.crossed))


def kappa_cell(kappa: Kappa) -> str:
    """`0.61 (0.42 to 0.77), n 58`."""
    if kappa.value is None or kappa.low is None or kappa.high is None:
        return f"{NONE}, n {kappa.n}"
    return f"{kappa.value:.2f} ({kappa.low:.2f} to {kappa.high:.2f}), n {kappa.n}"
