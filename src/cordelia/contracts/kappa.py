"""Cohen's kappa, plain and weighted, with a bootstrapped interval.

Cohen (1960), A coefficient of agreement for nominal scales; Cohen (1968), Weighted kappa: with disagreement weights w,
kappa = 1 − Σ w·observed / Σ w·expected, where `expected` is what two raters with these marginals agree on by chance.
Weights of 0 and 1 give the plain kappa, squared distances the quadratic one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cordelia.contracts.content import Content
from cordelia.contracts.resampling import percentile_interval, resampled_counts

Pairs = Sequence[tuple[int, int]]
"""(label, said), each a category from 0, of one report."""


class Kappa(Content):
    """A kappa over `n` pairs; None where it is undefined (nothing to compare, or nothing that varies).

    `low` to `high` is the 95 % percentile bootstrap interval over whole reports; None of a single one.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int


def kappa(reports: Sequence[Pairs], categories: int, *, quadratic: bool = False) -> Kappa:
    """Cohen's kappa of all pairs, its interval from resampling reports (pairs of one report are not independent)."""
    n = sum(len(pairs) for pairs in reports)
    if n == 0:
        return Kappa(value=None, low=None, high=None, n=0)
    distance = np.abs(np.subtract.outer(np.arange(categories), np.arange(categories))).astype(float)
    weights = distance**2 if quadratic else (distance > 0).astype(float)
    tables = np.stack([_table(pairs, categories) for pairs in reports])
    value = float(_kappas(tables.sum(axis=0), weights))
    if np.isnan(value):
        return Kappa(value=None, low=None, high=None, n=n)
    if len(reports) == 1:
        return Kappa(value=round(value, 4), low=None, high=None, n=n)
    low, high = percentile_interval(_kappas(np.tensordot(resampled_counts(len(reports)), tables, axes=1), weights))
    return Kappa(value=round(value, 4), low=round(low, 4), high=round(high, 4), n=n)


def _table(pairs: Pairs, categories: int) -> NDArray[np.float64]:
    table = np.zeros((categories, categories))
    for label, said in pairs:
        table[label, said] += 1
    return table


def _kappas(tables: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kappa of each table: (…, label, said) → (…); NaN where chance leaves no disagreement to expect."""
    total = tables.sum(axis=(-2, -1))[..., None, None]
    expected = tables.sum(axis=-1)[..., :, None] * tables.sum(axis=-2)[..., None, :] / np.maximum(total, 1)
    observed_cost, expected_cost = (weights * tables).sum(axis=(-2, -1)), (weights * expected).sum(axis=(-2, -1))
    undefined = expected_cost == 0
    return np.where(undefined, np.nan, 1 - observed_cost / np.where(undefined, 1, expected_cost))
