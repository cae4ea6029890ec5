"""Rates and ratios with their 95 % intervals."""

import math
import random
from collections.abc import Callable, Sequence

from cordelia.contracts.content import Content
from cordelia.contracts.rate import Rate, wilson

RESAMPLES = 2_000
SEED = 20_261_121


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
    draw = random.Random(SEED)
    found = sorted(statistic(_sums(draw.choices(rows, k=len(rows)))) for _ in range(RESAMPLES))
    low, high = found[int(0.025 * RESAMPLES)], found[int(0.975 * RESAMPLES)]
    return Estimate(value=round(statistic(_sums(rows)), 4), low=round(low, 4), high=round(high, 4), n=len(rows))


def _sums(rows: Sequence[Row]) -> list[float]:
    return [math.fsum(column) for column in zip(*rows, strict=True)]
