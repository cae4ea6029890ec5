"""Means over organisms, with intervals clustered by organism."""

from collections.abc import Mapping, Sequence

import numpy as np

from cordelia.scoreboard.statistics.intervals import LEAST_ORGANISMS, dispersion_of, share_intervals
from cordelia.scoreboard.statistics.models import Estimate

FEW = "under five organisms: no interval"
ALIKE = "all organisms alike: a cautious interval"


def clustered(values: Mapping[str, Sequence[float]], runs: int | None = None) -> Estimate | None:
    """The mean over organisms of each organism's mean, and its 95 % interval for organisms of this kind.

    Every organism weighs the same, however many runs it has.

    Args:
        values: by organism, a share from 0 to 1 for each of its runs. Organisms without any are left out.
        runs: how many runs that are 0 or 1 the values stand for, where a value is itself the mean of several.

    Returns:
        None where there are no values at all; no interval of fewer than five organisms.

    Raises:
        ValueError: a value is no share.
    """
    means = means_of(values)
    if not means:
        return None
    mean = float(np.mean(list(means.values())))
    if len(means) < LEAST_ORGANISMS:
        return Estimate(value=round(mean, 4), n=len(means), unit="organisms", note=FEW)
    known = [values[name] for name in means]
    dispersion = 1.0 if runs is not None else dispersion_of(known)
    count = sum(map(len, known)) if runs is None else runs
    low, high = share_intervals(np.array([list(means.values())]), count, np.array([dispersion]))
    return Estimate(
        value=round(mean, 4),
        low=round(float(low[0]), 4),
        high=round(float(high[0]), 4),
        n=len(means),
        unit="organisms",
        note=ALIKE if len(set(means.values())) == 1 else "",
    )


def means_of(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Each organism's mean, in the order of their names. Raises ValueError where a value is no share."""
    for name, shares in values.items():
        wrong = next((share for share in shares if not 0 <= share <= 1), None)
        if wrong is not None:
            raise ValueError(f"{wrong} of {name} is no share from 0 to 1")
    return {name: sum(values[name]) / len(values[name]) for name in sorted(values) if values[name]}
