"""What a sweep will do, before it does it: cells, samples, and what they will spend."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from inspect_ai.log import EvalLog, read_eval_log_sample_summaries
from rich.table import Table

from cordelia.sweeps.building import CELL
from cordelia.sweeps.cells import Cell
from cordelia.sweeps.estimates import Estimate, Figure, Ground, estimate_of
from cordelia.sweeps.history import History
from cordelia.sweeps.schema import Sweep

GROUNDS = {
    Ground.SAME: "from earlier audits of the same kind",
    Ground.AKIN: "from earlier audits of the same auditor, with other arguments, affordances or testbeds",
    Ground.BUDGET: "bounded by the budget (≤), or unknown",
}


@dataclass(frozen=True)
class Row:
    """One cell of the plan.

    Attributes:
        finished: samples that earlier runs have finished.
        estimate: of the samples that are left.
    """

    cell: Cell
    finished: int
    estimate: Estimate

    @property
    def left(self) -> int:
        return self.cell.samples - self.finished


@dataclass(frozen=True)
class Plan:
    """The cells of a sweep, or of a part of it, in the order they run.

    Attributes:
        whole: samples of the whole sweep.
    """

    sweep: Sweep
    rows: list[Row]
    whole: int

    @property
    def samples(self) -> int:
        return sum(row.cell.samples for row in self.rows)

    @property
    def left(self) -> int:
        return sum(row.left for row in self.rows)

    @property
    def done(self) -> set[str]:
        """The cells of which nothing is left to run."""
        return {row.cell.name for row in self.rows if not row.left}

    @property
    def total(self) -> Estimate:
        return Estimate.sum(row.estimate for row in self.rows if row.left)


def plan_of(
    sweep: Sweep, everything: Sequence[Cell], cells: Sequence[Cell], history: History, finished: Mapping[str, int]
) -> Plan:
    """The plan of some cells of a sweep.

    Args:
        sweep: the sweep they are of.
        everything: all cells of the sweep.
        cells: those to run, in that order.
        history: earlier audits.
        finished: samples that a cell has finished already, by its name.
    """
    rows = []
    for cell in cells:
        done = min(finished.get(cell.name, 0), cell.samples)
        rows.append(Row(cell, done, estimate_of(sweep, cell, history).times(cell.samples - done)))
    return Plan(sweep, rows, sum(cell.samples for cell in everything))


def finished_in(headers: Sequence[EvalLog], cells: Sequence[Cell]) -> dict[str, int]:
    """How many of each cell's samples are in the logs without an error; at least, since a killed log may know more."""
    wanted = {cell.name: cell for cell in cells}
    found: dict[str, set[tuple[str, int]]] = {}
    for header in headers:
        cell = wanted.get(str((header.eval.metadata or {}).get(CELL)))
        if cell is None:
            continue
        found.setdefault(cell.name, set()).update(
            (str(sample.id), sample.epoch)
            for sample in read_eval_log_sample_summaries(header.location)
            if not sample.error and str(sample.id) in cell.organisms and sample.epoch <= cell.epochs
        )
    return {name: len(samples) for name, samples in found.items()}


def headline(plan: Plan) -> str:
    """One sentence: what is multiplied, and what it comes to."""
    sweep = plan.sweep
    factors = {
        "auditor": len(sweep.auditors),
        "affordance set": len(sweep.affordances),
        "testbed": len(sweep.testbeds),
        "budget": len(sweep.budgets),
        "epoch": sweep.epochs,
    }
    product = " × ".join(_counted(number, what) for what, number in factors.items() if what != "budget" or number > 1)
    part = "" if plan.samples == plan.whole else f"; this part: {plan.samples:,}"
    left = "" if plan.left == plan.samples else f"; still to run: {plan.left:,}"
    return f"Sweep '{sweep.name}': {product} = {_counted(plan.whole, 'sample')}{part}{left}"


def table(plan: Plan) -> Table:
    """The plan, a line a cell."""
    made = Table(header_style="bold", box=None, pad_edge=False)
    made.add_column("cell", overflow="fold")
    for column in ("organisms", "samples", "left", "tokens", "target queries", "money", "time"):
        made.add_column(column, justify="right")
    for row in plan.rows:
        counts = (len(row.cell.organisms), row.cell.samples, row.left)
        made.add_row(row.cell.name, *(f"{count:,}" for count in counts), *_figures(row.estimate))
    made.add_row("all", "", f"{plan.samples:,}", f"{plan.left:,}", *_figures(plan.total), style="bold")
    return made


def ground(plan: Plan) -> str:
    """Where the estimates come from."""
    grounds = Counter(row.estimate.ground for row in plan.rows if row.left)
    if not grounds:
        return "Nothing is left to run."
    told = [f"{_counted(grounds[ground], 'cell')} {words}" for ground, words in GROUNDS.items() if grounds[ground]]
    return f"Estimates: {'; '.join(told)}. Tokens are those of auditor, helper and grader."


def _figures(estimate: Estimate) -> list[str]:
    return [
        _shown(estimate.tokens, _short),
        _shown(estimate.queries, _short),
        _shown(estimate.money, _dollars),
        _shown(estimate.seconds, duration),
    ]


def _shown(figure: Figure, form: Callable[[float], str]) -> str:
    if figure.value is None:
        return "unknown"
    return f"{'≤ ' if figure.bound and figure.value else ''}{form(figure.value)}"


def _short(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            scale = 1e3 if letter == "k" else size
            return f"{value / scale:.3g}{letter}"
    return f"{value:.0f}"


def _dollars(value: float) -> str:
    return "0" if value == 0 else f"${value:,.2f}"


def duration(seconds: float) -> str:
    """A length of time, to the second below ten minutes and to the minute above."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    if minutes < 10:
        return f"{int(minutes)} min {seconds % 60:02.0f} s"
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
