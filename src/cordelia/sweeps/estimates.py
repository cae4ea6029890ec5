"""What a cell will spend: from earlier audits like its own, else bounded by its budget, else unknown."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from cordelia.solvers.affordances.catalog import choose
from cordelia.sweeps.building import roles_of
from cordelia.sweeps.cells import Cell
from cordelia.sweeps.history import History, Spent, key_of, mean_of
from cordelia.sweeps.prices import price_of
from cordelia.sweeps.schema import Sweep


@dataclass(frozen=True)
class Figure:
    """A number that is estimated, an upper bound, or unknown (None)."""

    value: float | None
    bound: bool = False

    def times(self, factor: float) -> "Figure":
        return Figure(None if self.value is None else self.value * factor, self.bound)

    @classmethod
    def sum(cls, figures: Iterable["Figure"]) -> "Figure":
        """Unknown where a part is, a bound where a part is."""
        parts = list(figures)
        known = [part.value for part in parts if part.value is not None]
        return cls(sum(known) if len(known) == len(parts) else None, any(part.bound for part in parts))


UNKNOWN = Figure(None)


class Ground(IntEnum):
    """What an estimate stands on, the firmest first."""

    SAME = 0
    AKIN = 1
    BUDGET = 2


@dataclass(frozen=True)
class Estimate:
    """What audits will spend.

    Attributes:
        tokens: of auditor, helper and grader.
        queries: messages from the target.
        money: in dollars.
        seconds: on the clock.
        ground: earlier audits of the same kind, or at least of the same auditor; else the budget.
    """

    tokens: Figure
    queries: Figure
    money: Figure
    seconds: Figure
    ground: Ground

    def times(self, factor: float) -> "Estimate":
        return Estimate(
            self.tokens.times(factor),
            self.queries.times(factor),
            self.money.times(factor),
            self.seconds.times(factor),
            self.ground,
        )

    @classmethod
    def sum(cls, estimates: Iterable["Estimate"]) -> "Estimate":
        parts = list(estimates)
        return cls(
            Figure.sum(part.tokens for part in parts),
            Figure.sum(part.queries for part in parts),
            Figure.sum(part.money for part in parts),
            Figure.sum(part.seconds for part in parts),
            max((part.ground for part in parts), default=Ground.SAME),
        )


def estimate_of(sweep: Sweep, cell: Cell, history: History) -> Estimate:
    """What one audit of a cell will spend."""
    auditor = cell.auditor
    names = [affordance.name for affordance in choose(cell.affordances.affordances)]
    seen, same = history.like(key_of(auditor.solver or "auditor", auditor.model, cell.testbed, auditor.args, names))
    return _from_earlier(seen, Ground.SAME if same else Ground.AKIN) if seen else _from_budget(sweep, cell)


def _from_earlier(seen: list[Spent], ground: Ground) -> Estimate:
    return Estimate(
        Figure(mean_of([each.tokens for each in seen])),
        Figure(mean_of([each.queries for each in seen])),
        Figure(mean_of([each.money for each in seen])),
        Figure(mean_of([each.seconds for each in seen])),
        ground,
    )


def _from_budget(sweep: Sweep, cell: Cell) -> Estimate:
    budget = cell.budget
    spenders = _spenders(sweep, cell)
    tokens = Figure.sum(Figure(bound, True) for bound in spenders.values()) if spenders else Figure(0)
    money = Figure.sum(_most(model, bound) for model, bound in spenders.items()) if spenders else Figure(0)
    if cell.bed.base is not None and price_of(cell.bed.base) is None:
        money = UNKNOWN  # the target may send a bill, and how long its messages are is not known
    return Estimate(tokens, Figure(budget.target_queries, True), money, UNKNOWN, Ground.BUDGET)


def _spenders(sweep: Sweep, cell: Cell) -> dict[str, float | None]:
    """Models that work beside the target, and the most tokens of each; None where nothing bounds them."""
    roles = roles_of(sweep, cell.auditor)
    found: dict[str, float | None] = {}
    if cell.auditor.model != "none":
        found[cell.auditor.model] = cell.budget.auditor_tokens
    helping = any(affordance.helper for affordance in choose(cell.affordances.affordances))
    for role, bound in (("helper", cell.budget.helper_tokens), ("grader", None)):
        if role in roles and (role != "helper" or helping) and (role != "grader" or sweep.grader != "offline"):
            bound_models = roles[role]
            for model in [bound_models] if isinstance(bound_models, str) else bound_models:
                before = found.get(model, 0)
                found[model] = None if bound is None or before is None else before + bound
    return found


def _most(model: str, tokens: float | None) -> Figure:
    price = price_of(model)
    if price is None:
        return UNKNOWN
    dearest = max(price.input, price.output, price.input_cache_write, price.input_cache_read)
    if dearest == 0:
        return Figure(0)
    return UNKNOWN if tokens is None else Figure(tokens * dearest / 1_000_000, True)
