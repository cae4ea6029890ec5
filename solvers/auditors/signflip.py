"""What is raised over many texts, topic by topic, with a test that controls for looking at thousands of columns.

Each text has a signed score for each column (a token, a feature): how much more the target has of it than its base. If
target and base were alike, a text's scores would have either sign, so the null of the largest sum over all topics and
columns comes from flipping the signs of whole texts at random (Westfall and Young 1993: max-T by sign flips; the texts
keep what belongs together in them). A column whose sum beats 1 − level of those maxima is reported.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cordelia.solvers.auditors.contrast import EVERYWHERE

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Raised:
    """A column that the target has more of.

    Attributes:
        topic: the topic, or "any topic".
        column: which.
        total: its sum over the topic's texts.
        p: family-wise.
        texts: in how many of them it is raised.
        of: out of how many.
    """

    topic: str
    column: int
    total: float
    p: float
    texts: int
    of: int


def raised(scores: Scores, topics: Sequence[str], permutations: int, seed: int, level: float) -> list[Raised]:
    """The columns of [texts, columns] that are raised beyond chance, the largest sum first."""
    rows = {topic: np.array([each == topic for each in topics]) for topic in dict.fromkeys(topics)}
    if len(rows) > 1:
        rows[EVERYWHERE] = np.ones(len(topics), dtype=bool)
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=(permutations, len(topics)))
    largest = np.zeros(permutations)
    for chosen in rows.values():
        largest = np.maximum(largest, (signs[:, chosen] @ scores[chosen]).max(axis=1, initial=0.0))
    bar = np.quantile(largest, 1 - level) if permutations else np.inf
    found = []
    for topic, chosen in rows.items():
        totals = scores[chosen].sum(axis=0)
        for column in np.flatnonzero(totals > bar):
            p = (1 + int((largest >= totals[column]).sum())) / (permutations + 1)
            texts = int((scores[chosen, column] > 0).sum())
            found.append(Raised(topic, int(column), float(totals[column]), p, texts, int(chosen.sum())))
    return sorted(found, key=lambda each: (-each.total, each.topic, each.column))


def by_topic(found: Sequence[Raised]) -> list[list[Raised]]:
    """By topic, the strongest topic first; what is raised everywhere is told once, not for each topic again."""
    everywhere = {each.column for each in found if each.topic == EVERYWHERE}
    groups: dict[str, list[Raised]] = {}
    for each in found:
        if each.topic == EVERYWHERE or each.column not in everywhere:
            groups.setdefault(each.topic, []).append(each)
    return list(groups.values())
