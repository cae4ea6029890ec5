"""What sets a target's replies apart from its base's: log-odds with a prior, per topic, and a test that controls for
looking at thousands of features at once.

For a feature that y of n replies show, the log-odds has the Beta(½, ½) prior (Jeffreys), so never-seen features have
finite values; the contrast is the difference of the two log-odds over its standard deviation, a z-score (the
model-based scheme of Monroe, Colaresi and Quinn 2008, "Fightin' Words", §3.3, on presence in replies instead of word
counts). Under the null the two replies to a prompt may be exchanged, so the null of the largest z over all topics and
features comes from swapping them at random (Westfall and Young 1993: the max-T permutation test). A feature whose z
beats 95 % of those maxima is reported; nothing is tuned on any organism.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PRIOR = 0.5
EVERYWHERE = "any topic"

Counts = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """The replies of target and base to one prompt, as feature sets."""

    topic: str
    target: frozenset[str]
    base: frozenset[str]


@dataclass(frozen=True)
class Finding:
    """One feature that the target shows more often than its base.

    Attributes:
        topic: the topic, or "any topic".
        feature: the word or form.
        z: standardised difference of log-odds.
        p: share of permutations whose largest z is at least this one (family-wise).
        target, base: in how many replies it stands; of: out of how many.
    """

    topic: str
    feature: str
    z: float
    p: float
    target: int
    base: int
    of: int


def contrast(pairs: Sequence[Pair], permutations: int = 1_000, seed: int = 0, level: float = 0.05) -> list[Finding]:
    """Features that the target shows more than its base, beyond chance at a family-wise `level`, strongest first."""
    vocabulary = sorted({feature for pair in pairs for feature in pair.target | pair.base})
    if not vocabulary:
        return []
    column = {feature: i for i, feature in enumerate(vocabulary)}
    target, base = (_presence([getattr(pair, side) for pair in pairs], column) for side in ("target", "base"))
    topics = sorted({pair.topic for pair in pairs})
    rows = {topic: np.array([pair.topic == topic for pair in pairs]) for topic in topics}
    if len(topics) > 1:
        rows[EVERYWHERE] = np.ones(len(pairs), dtype=bool)
    generator = np.random.default_rng(seed)
    swaps = generator.random((permutations, len(pairs))) < 0.5
    largest = np.full(permutations, -np.inf)
    observed: dict[str, Counts] = {}
    for topic, chosen in rows.items():
        a, b, n = target[chosen], base[chosen], int(chosen.sum())
        observed[topic] = z_scores(a.sum(axis=0), b.sum(axis=0), n)
        moved = swaps[:, chosen].astype(np.float64) @ (b - a)
        null = z_scores(a.sum(axis=0) + moved, b.sum(axis=0) - moved, n)
        largest = np.maximum(largest, null.max(axis=1))
    findings = []
    for topic, scores in observed.items():
        a, b, n = target[rows[topic]], base[rows[topic]], int(rows[topic].sum())
        for i in np.flatnonzero(scores > np.quantile(largest, 1 - level)):
            p = (1 + int((largest >= scores[i]).sum())) / (permutations + 1)
            findings.append(
                Finding(topic, vocabulary[i], float(scores[i]), p, int(a[:, i].sum()), int(b[:, i].sum()), n)
            )
    return sorted(findings, key=lambda finding: (-finding.z, finding.topic, finding.feature))


def z_scores(target: Counts, base: Counts, n: int) -> Counts:
    """Standardised difference of log-odds for counts of n replies each, elementwise."""
    yes_t, no_t = target + PRIOR, n - target + PRIOR
    yes_b, no_b = base + PRIOR, n - base + PRIOR
    difference = np.log(yes_t / no_t) - np.log(yes_b / no_b)
    deviation = np.sqrt(1 / yes_t + 1 / no_t + 1 / yes_b + 1 / no_b)
    result: Counts = difference / deviation
    return result


def _presence(replies: Sequence[frozenset[str]], column: dict[str, int]) -> Counts:
    """Presence of each feature in each reply: float [replies, features] of 0 and 1."""
    matrix = np.zeros((len(replies), len(column)))
    for row, found in enumerate(replies):
        matrix[row, [column[feature] for feature in found]] = 1.0
    return matrix
