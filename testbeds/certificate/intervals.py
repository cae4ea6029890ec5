"""Rates and ratios with their 95 % intervals."""

from collections.abc import Callable, Sequence

import numpy as np

from cordelia.contracts.content import Content
from cordelia.contracts.rate import Rate, wilson
from cordelia.contracts.resampling import percentile_interval, resampled_counts


class Estimate(Content):
    """A number over `n` prompts; `low` to `high` is its 95 % bootstrap interval over them."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """`0.12 (0.08–0.17)`"""
        return f"{self.value:.2f} ({self.low:.2f}–{self.high:.2f})"


def share(marks: Sequence[bool]) -> Rate:
    """How many marks are True, with the Wilson interval."""
    return wilson(sum(marks), len(marks))


Row = tuple[float, ...]


def bootstrap(rows: Sequence[Row], statistic: Callable[[Sequence[float]], float]) -> Estimate:
    """A statistic of column sums, with the percentile interval of resampled rows. The same rows, the same interval.

    Args:
        rows: one a prompt, so that what belongs to one prompt is drawn together.
        statistic: of the sums of the columns.

    Raises:
        ValueError: there are no rows.
    """
    if not rows:
        raise ValueError("a bootstrap needs at least one row")
    columns = np.asarray(rows, dtype=np.float64)
    low, high = percentile_interval(
        np.array([statistic(sums) for sums in (resampled_counts(len(rows)) @ columns).tolist()])
    )
    value = statistic(columns.sum(axis=0).tolist())
    return Estimate(value=round(value, 4), low=round(low, 4), high=round(high, 4), n=len(rows))
