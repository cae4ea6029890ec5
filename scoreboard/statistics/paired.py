"""What one way of auditing adds to another, on the same organisms."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import product

import numpy as np

from cordelia.contracts.resampling import SEED
from cordelia.scoreboard.statistics.intervals import LEAST_ORGANISMS, Numbers, difference_intervals, dispersion_of
from cordelia.scoreboard.statistics.means import ALIKE, FEW, means_of
from cordelia.scoreboard.statistics.models import Difference

SURE = 0.05
"""A p below it is called a difference."""

EXACT_UP_TO = 14
"""Organisms whose signs are flipped in every way there is (16,384); of more, some ways are drawn."""
FLIPS = 20_000
_EQUAL = 1e-9


def paired(a: Mapping[str, Sequence[float]], b: Mapping[str, Sequence[float]]) -> Difference | None:
    """The mean over organisms of B's mean − A's mean, on the organisms that both have.

    `p` is two-sided, by flipping the signs of organisms' differences: of six organisms it is never below 0.03.

    Args:
        a, b: by organism, a share from 0 to 1 for each run.

    Returns:
        None where no organism is in both; no interval of fewer than five organisms.

    Raises:
        ValueError: a value is no share.
    """
    first, second = means_of(a), means_of(b)
    names = [name for name in first if name in second]
    if not names:
        return None
    one, other = np.array([[first[name] for name in names]]), np.array([[second[name] for name in names]])
    change = (other - one)[0]
    value, p = round(float(change.mean()), 4), sign_flip(change)
    if len(names) < LEAST_ORGANISMS:
        return Difference(value=value, p=p, organisms=len(names), note=FEW)
    sides = [[of[name] for name in names] for of in (a, b)]
    counts = [np.array([list(map(len, side))], dtype=np.float64) for side in sides]
    spread = np.array([max(map(dispersion_of, sides))])
    low, high = difference_intervals(one, other, (counts[0], counts[1]), spread)
    return Difference(
        value=value,
        low=round(float(low[0]), 4),
        high=round(float(high[0]), 4),
        p=p,
        organisms=len(names),
        note=ALIKE if np.ptp(change) < _EQUAL else "",
    )


def sign_flip(change: Numbers) -> float | None:
    """How often chance alone, a coin for each organism's sign, makes the mean change as large; None of one organism."""
    if len(change) < 2:
        return None
    sums = _signs(len(change)) @ change
    as_large = int((np.abs(sums) >= abs(change.sum()) - _EQUAL).sum())
    exact = len(change) <= EXACT_UP_TO
    return round(as_large / len(sums) if exact else (as_large + 1) / (len(sums) + 1), 6)


@lru_cache(maxsize=32)
def _signs(organisms: int) -> Numbers:
    """(ways, organisms): 1 and −1, in every way there is or in many that are drawn."""
    if organisms <= EXACT_UP_TO:
        return np.array(list(product((1.0, -1.0), repeat=organisms)))
    return np.random.RandomState(SEED).choice([1.0, -1.0], size=(FLIPS, organisms))


def corrected(differences: Sequence[Difference]) -> list[Difference]:
    """The same differences with Holm's correction (1979): with 0.05 as the bound, one false alarm in 20 such lists.

    Differences without a `p` stay without. Written out, because statsmodels' collects all garbage on every call.
    """
    tested = sorted((each.p, place) for place, each in enumerate(differences) if each.p is not None)
    found: dict[int, float] = {}
    least = 0.0
    for rank, (p, place) in enumerate(tested):
        least = max(least, min(1.0, p * (len(tested) - rank)))
        found[place] = round(least, 6)
    return [each.model_copy(update={"corrected": found.get(place)}) for place, each in enumerate(differences)]
