"""The one bootstrap: how often each of n units is drawn, with replacement, in each of many resamples.

Whoever has an interval to find weighs what it has by these counts: a mean, a ratio of sums, a kappa. What belongs
together (replies to a prompt, hypotheses of a report, runs of an organism) is one unit, and is drawn whole. The stream
of `RandomState` is frozen by numpy, so the same data have the same interval everywhere. Efron & Tibshirani (1993), An
Introduction to the Bootstrap.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2_000
SEED = 20_261_121
REMEMBERED = 64
"""Numbers of units whose counts are kept: a page has hundreds of intervals over a few numbers of organisms."""

Numbers = NDArray[np.float64]


@lru_cache(maxsize=REMEMBERED)
def resampled_counts(n: int) -> Numbers:
    """(RESAMPLES, n): how often each unit is in each resample; a row sums to n. Read-only.

    Raises:
        ValueError: there is nothing to draw from.
    """
    if n < 1:
        raise ValueError("a bootstrap needs at least one unit")
    picks = np.random.RandomState(SEED).randint(n, size=(RESAMPLES, n))
    places = picks + n * np.arange(RESAMPLES)[:, None]
    counts = np.bincount(places.ravel(), minlength=RESAMPLES * n).reshape(RESAMPLES, n).astype(np.float64)
    counts.flags.writeable = False
    return counts


def percentile_interval(found: Numbers) -> tuple[float, float]:
    """The middle 95 % of what resamples gave; NaN, where one gave nothing, is left out."""
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return float(low), float(high)
