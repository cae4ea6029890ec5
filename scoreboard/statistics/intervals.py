"""Intervals of means over organisms: a studentised bootstrap clustered by organism, for many data sets at once.

Runs of one organism are no independent trials of an auditor, so what is drawn is organisms. A percentile interval of
few clusters is too narrow, and a t interval is wrong near 0 and 1. So the statistic that is resampled is studentised
(Efron & Tibshirani 1993, ch. 12; Cameron, Gelbach & Miller 2008, Review of Economics and Statistics 90: the bootstrap-t
holds with few clusters where others fail), and a share is judged by its score: the variance at the truth, as in
Wilson's interval, with the design effect as Korn & Graubard (1998, Survey Methodology 24) have it.

Few organisms may look more alike than they are: a quarter of an organism of the largest variance that such shares can
have is added. The critical value is never below the normal's and, of a share, never below Student's, eased towards the
normal's where the spread is no more than that of the runs' own chance.

Organisms that look alike say little of how unlike others could be: what is found always, or what a set unlocks, may be
of a kind that is not among them. So every interval leaves room for a kind that is missing from one of twenty such
testbeds (Hanley & Lippman-Hand 1983, JAMA 249: the rule of three), and that of a difference is never narrower than the
chance of the runs themselves. docs/statistics.md has how often these intervals hold the truth.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from cordelia.contracts.errors import MissingExtraError
from cordelia.contracts.rate import Z_95
from cordelia.contracts.resampling import resampled_counts

Numbers = NDArray[np.float64]
Count = Numbers | float

PRIOR_ORGANISMS = 0.25
LEAST_ORGANISMS = 5
UNSEEN = 0.05
"""How often a kind of organism may be missing from a testbed by chance before it is taken not to exist."""
_TINY = 1e-12
_DATA_SETS_AT_ONCE = 200


def share_intervals(means: Numbers, runs: int, dispersion: Numbers | None = None) -> tuple[Numbers, Numbers]:
    """95 % intervals of means over organisms of shares.

    Args:
        means: (data sets, organisms), each organism's mean, from 0 to 1.
        runs: of a data set, all organisms together.
        dispersion: (data sets,), the variance of single values over that of values that are 0 or 1 and have the same
            mean; 1, as for such values, where it is not given.

    Returns:
        Low and high, each (data sets,). Where all organisms are at 0 or all at 1, the interval of as many trials as
        there are organisms.
    """
    spread = np.ones(len(means)) if dispersion is None else dispersion
    parts = [_share_intervals(part, runs, of) for part, of in zip(_parts(means), _parts(spread), strict=True)]
    return np.concatenate([low for low, _ in parts]), np.concatenate([high for _, high in parts])


def difference_intervals(
    first: Numbers, second: Numbers, runs: tuple[Count, Count], dispersion: Numbers | None = None
) -> tuple[Numbers, Numbers]:
    """95 % intervals of the mean of `second` − `first`, organism by organism.

    Args:
        first, second: (data sets, organisms), means of the same organisms from 0 to 1.
        runs: of an organism, with the first and with the second: numbers, or arrays of the same shape.
        dispersion: (data sets,), as for `share_intervals`.

    Returns:
        Low and high, each (data sets,).
    """
    parts = [_difference_intervals(a, b) for a, b in zip(_parts(first), _parts(second), strict=True)]
    low, high = (np.concatenate([part[end] for part in parts]) for end in (0, 1))
    mean = (second - first).mean(axis=1)
    spread = np.ones(len(mean)) if dispersion is None else dispersion
    least = np.maximum(np.sqrt(spread) * _of_runs(first, second, runs), spread * _of_unseen(first, second, runs))
    return np.maximum(np.minimum(low, mean - least), -1), np.minimum(np.maximum(high, mean + least), 1)


def unseen_share(organisms: int) -> float:
    """The largest share of all organisms that may be of a kind that is not among these: 0.39 of 6, 0.22 of 12."""
    return float(1 - UNSEEN ** (1 / organisms))


def dispersion_of(values: Sequence[Sequence[float]]) -> float:
    """The dispersion (see `share_intervals`) of values by organism; organisms weigh the same.

    One value more is taken to be 0 or 1, so that values that happen to be all alike are not taken for certain.
    """
    mean = sum(sum(of) / len(of) for of in values) / len(values)
    ceiling = mean * (1 - mean)
    if ceiling < _TINY:
        return 1.0
    variance = sum(sum((value - mean) ** 2 for value in of) / len(of) for of in values) / len(values)
    count = sum(len(of) for of in values)
    return min(1.0, (variance / ceiling * count + 1) / (count + 1))


def _parts(means: Numbers) -> list[Numbers]:
    return [means[at : at + _DATA_SETS_AT_ONCE] for at in range(0, len(means), _DATA_SETS_AT_ONCE)]


def _share_intervals(means: Numbers, runs: int, dispersion: Numbers) -> tuple[Numbers, Numbers]:
    organisms, mean = means.shape[1], means.mean(axis=1)
    most = np.maximum(runs / dispersion, organisms)
    trials = _trials(mean, _squares(means), organisms, most, dispersion)
    drawn_mean, drawn_squares = _drawn(means)
    drawn_trials = _trials(drawn_mean, drawn_squares, organisms, most[:, None], dispersion[:, None])
    spread = np.sqrt((mean * (1 - mean))[:, None] / drawn_trials)
    score = np.abs(drawn_mean - mean[:, None]) / np.maximum(spread, _TINY)
    constant = mean * (1 - mean) < _TINY
    eased = Z_95 + (student(organisms - 1 + PRIOR_ORGANISMS) - Z_95) * (1 - trials / most)
    critical = np.where(constant, Z_95, np.maximum(np.quantile(score, 0.95, axis=1), eased))
    low, high = _wilson(mean, trials, critical)
    unseen = unseen_share(organisms) * _all_or_nothing(means, runs / organisms)
    return np.minimum(low, mean * (1 - unseen)), np.maximum(high, mean + (1 - mean) * unseen)


def _trials(mean: Numbers, squares: Numbers, organisms: int, most: Numbers, dispersion: Numbers) -> Numbers:
    """How many coins a mean is worth: from 1 to `most`; as many as there are organisms where it is 0 or 1."""
    ceiling = mean * (1 - mean)
    variance = (squares + PRIOR_ORGANISMS * dispersion * ceiling) / (organisms - 1 + PRIOR_ORGANISMS)
    trials = np.where(ceiling < _TINY, organisms, organisms * ceiling / np.maximum(variance, _TINY))
    return np.clip(trials, 1, most)


def _difference_intervals(first: Numbers, second: Numbers) -> tuple[Numbers, Numbers]:
    """By the spread of the changes that were observed."""
    organisms, change = first.shape[1], second - first
    mean = change.mean(axis=1)
    ceiling = np.abs(change).mean(axis=1) - np.square(mean)  # a square of a difference is never above its size
    error = _error(_squares(change), ceiling, organisms)
    drawn_mean, drawn_squares = _drawn(change)
    studentised = np.abs(drawn_mean - mean[:, None]) / _error(drawn_squares, ceiling[:, None], organisms)
    # where organisms are found always or never, a resample without spread would send the quantile anywhere
    critical = np.clip(np.quantile(studentised, 0.95, axis=1), Z_95, student(organisms - 1))
    return mean - critical * error, mean + critical * error


def _of_runs(first: Numbers, second: Numbers, runs: tuple[Count, Count]) -> Numbers:
    """(data sets,): half a 95 % interval by the runs' own chance, of the side that has more of it."""
    each = 1 / np.asarray(runs[0]) + 1 / np.asarray(runs[1])
    variance = np.maximum(*((means * (1 - means) * each).mean(axis=1) for means in (first, second)))
    half: Numbers = Z_95 * np.sqrt(variance / first.shape[1])
    return half


def _of_unseen(first: Numbers, second: Numbers, runs: tuple[Count, Count]) -> Numbers:
    """(data sets,): what organisms of an unseen kind could change, by the side that is nearer to all or nothing."""
    sides = (_all_or_nothing(means, count) for means, count in zip((first, second), runs, strict=True))
    return unseen_share(first.shape[1]) * np.maximum(*sides)


def _all_or_nothing(means: Numbers, runs: Count) -> Numbers:
    """(data sets,): 1 where organisms are found always or never, 0 where all are coins.

    Organisms that are found now and then show that rates lie everywhere, so that few kinds can be unseen.
    """
    coins = 4 * (means * (1 - means) * runs / np.maximum(np.asarray(runs) - 1, 1)).mean(axis=1)
    part: Numbers = np.square(np.clip(1 - coins, 0, 1))
    return part


def _error(squares: Numbers, ceiling: Numbers, organisms: int) -> Numbers:
    """The standard error of a mean over organisms."""
    variance = (squares + PRIOR_ORGANISMS * ceiling) / (organisms - 1 + PRIOR_ORGANISMS)
    return np.sqrt(np.maximum(variance, _TINY) / organisms)


def _squares(values: Numbers) -> Numbers:
    squares: Numbers = np.square(values - values.mean(axis=1, keepdims=True)).sum(axis=1)
    return squares


def _drawn(values: Numbers) -> tuple[Numbers, Numbers]:
    """Mean and sum of squares of every resample of organisms, each (data sets, resamples)."""
    organisms = values.shape[1]
    counts = resampled_counts(organisms).T
    mean = values @ counts / organisms
    return mean, np.maximum(np.square(values) @ counts - organisms * np.square(mean), 0)


def _wilson(share: Numbers, trials: Numbers, critical: Numbers) -> tuple[Numbers, Numbers]:
    square = np.square(critical)
    centre = (share + square / (2 * trials)) / (1 + square / trials)
    inside = np.maximum(share * (1 - share) / trials + square / (4 * np.square(trials)), 0)
    half = critical / (1 + square / trials) * np.sqrt(inside)
    return np.maximum(centre - half, 0), np.minimum(centre + half, 1)


@lru_cache(maxsize=128)
def student(freedom: float) -> float:
    """The two-sided 95 % quantile of Student's t. Raises MissingExtraError without scipy."""
    try:
        from scipy.special import stdtrit  # scipy.stats takes a second to import
    except ImportError as error:
        raise MissingExtraError("An interval over organisms", "scoreboard", "scipy") from error
    return float(stdtrit(freedom, 0.975))
