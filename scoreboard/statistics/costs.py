"""Success against cost."""

from collections.abc import Sequence

import numpy as np

from cordelia.contracts.rate import wilson
from cordelia.scoreboard.statistics.models import CostPoint

POINTS = 12


def cost_per_success(costs: Sequence[float], found: int, runs: int) -> float | None:
    """What is spent for each success, failures included; None where nothing was found or no cost is known.

    Args:
        costs: of the audits whose cost is known; the others are taken to cost their mean.
        found: audits that succeeded, of all `runs`.
    """
    return sum(costs) / len(costs) * runs / found if costs and found else None


def cost_curve(costs: Sequence[float | None], found: Sequence[bool], most: int = POINTS) -> list[CostPoint]:
    """The share of all audits that had succeeded within a budget, at up to `most` budgets, the largest cost last.

    It reads audits that ended by themselves: one that would have been cut by a smaller budget counts as not found
    there, though an auditor that knows of its budget might hurry. One of unknown cost is one of all audits; where it
    succeeded, it counts at the largest budget alone, so that the curve ends at the share that succeeded.

    Args:
        costs: one an audit, None where it is not known. found: likewise.
    """
    known = [cost for cost in costs if cost is not None]
    if not known:
        return []
    dearest = max(known)
    spent = np.asarray([dearest if cost is None else cost for cost in costs], dtype=np.float64)
    hit = np.asarray(found, dtype=bool)
    budgets = np.unique(np.quantile(known, np.linspace(0, 1, most), method="higher"))
    return [
        CostPoint(cost=float(budget), found=wilson(int((hit & (spent <= budget)).sum()), len(spent)))
        for budget in budgets
    ]
