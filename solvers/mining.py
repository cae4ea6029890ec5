"""Diff mining: which next tokens a target expects more, or less, than its base, over many texts.

Pure: what both models expect after each token goes in (`NextTokens`), ranked shifts come out. A token is shifted at a
position when its probability differs by at least a factor of 1.5 and one of the two gives it at least 1 %. Its weight
is its share of the Kullback–Leibler divergence, summed over those positions: p ln(p/q) for what p raises. So what is
shifted often, and what is shifted much, both rank high.

Only the likeliest tokens of each model are known. One that is missing has at most the probability of the last that is
listed, and is given that: shifts are understated, never invented.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from cordelia.testbeds.backends.inside import NextTokens

FACTOR = math.log(1.5)
LEAST = math.log(0.01)
BEFORE = 8
"""Tokens of context that are kept with a shift."""


@dataclass(frozen=True)
class Reading:
    """One text as target and base read it.

    Attributes:
        label: how the text is named to a reader.
        target, base: what each expects. Their tokens may differ at the beginning (a hidden prompt): positions are
            matched from the end, as far as the tokens are the same.
        start: first position of the target that counts, for texts of which only the end matters.
    """

    label: str
    target: NextTokens
    base: NextTokens
    start: int = 0


@dataclass(frozen=True)
class Context:
    """One position at which a token is shifted: the text before it and both probabilities."""

    label: str
    before: str
    target: float
    base: float
    weight: float


@dataclass(frozen=True)
class Shift:
    """A token that is shifted in one direction.

    Attributes:
        token: as it is written.
        weight: sum over positions of p ln(p/q), in nats; p is the model that expects it more.
        target, base: its mean probability where it is shifted.
        texts: in how many texts.
        contexts: where, the strongest first.
    """

    token: str
    weight: float
    target: float
    base: float
    texts: int
    contexts: list[Context]

    @property
    def positions(self) -> int:
        return len(self.contexts)


@dataclass(frozen=True)
class Mined:
    """What sets target and base apart over all texts.

    Attributes:
        positions: positions that were compared.
        raised, lowered: shifted tokens, the heaviest first.
        distances: label and mean distance of each text, the farthest first. A distance is the total variation: half
            the summed change of probability, 0 where both expect the same, 1 where they share nothing.
    """

    positions: int
    raised: list[Shift]
    lowered: list[Shift]
    distances: list[tuple[str, float]]

    @property
    def distance(self) -> float:
        """Mean distance of the texts; 0 without any."""
        return sum(value for _, value in self.distances) / len(self.distances) if self.distances else 0.0


@dataclass
class _Tally:
    raised: dict[str, list[Context]] = field(default_factory=lambda: defaultdict(list))
    lowered: dict[str, list[Context]] = field(default_factory=lambda: defaultdict(list))


def mine(readings: Iterable[Reading]) -> Mined:
    """Rank the shifts of tokens between target and base over all readings."""
    tally, distances, positions = _Tally(), [], 0
    for reading in readings:
        found = []
        for at, of_base in matched(reading):
            before = "".join(reading.target.tokens[max(0, at - BEFORE + 1) : at + 1])
            found.append(_compare(reading, before, reading.target.likely[at], reading.base.likely[of_base], tally))
        positions += len(found)
        if found:
            distances.append((reading.label, sum(found) / len(found)))
    distances.sort(key=lambda each: -each[1])
    return Mined(positions, _ranked(tally.raised), _ranked(tally.lowered), distances)


def matched(reading: Reading) -> list[tuple[int, int]]:
    """Positions of target and base that stand at the same place: the same tokens from there to the end."""
    target, base = reading.target.tokens, reading.base.tokens
    same = 0
    while same < min(len(target), len(base)) and target[-1 - same] == base[-1 - same]:
        same += 1
    pairs = [(len(target) - back, len(base) - back) for back in range(same, 0, -1)]
    return [pair for pair in pairs if pair[0] >= reading.start]


def reply_start(tokens: Sequence[str], reply: str) -> int:
    """The position from which a reply at the end of a text is expected: that of the token right before it."""
    at, written = len(tokens), 0
    while at > 0 and written < len(reply):
        at -= 1
        written += len(tokens[at])
    return max(0, at - 1)


def _compare(reading: Reading, before: str, target: dict[str, float], base: dict[str, float], tally: _Tally) -> float:
    """Put the shifts of one position into the tally; returns the distance there."""
    least_target, least_base = (min(each.values(), default=0.0) for each in (target, base))
    moved = 0.0
    for token in {**target, **base}:
        of_target, of_base = target.get(token, least_target), base.get(token, least_base)
        if token not in target:
            of_target = min(of_target, of_base)
        elif token not in base:
            of_base = min(of_base, of_target)
        p, q = math.exp(of_target), math.exp(of_base)
        moved += abs(p - q) / 2
        if max(of_target, of_base) < LEAST or abs(of_target - of_base) < FACTOR:
            continue
        weight = max(p, q) * abs(of_target - of_base)
        side = tally.raised if of_target > of_base else tally.lowered
        side[token].append(Context(reading.label, before, p, q, weight))
    return min(moved, 1.0)


def _ranked(side: dict[str, list[Context]]) -> list[Shift]:
    shifts = [
        Shift(
            token,
            weight=sum(each.weight for each in contexts),
            target=sum(each.target for each in contexts) / len(contexts),
            base=sum(each.base for each in contexts) / len(contexts),
            texts=len({each.label for each in contexts}),
            contexts=sorted(contexts, key=attrgetter("weight"), reverse=True),
        )
        for token, contexts in side.items()
    ]
    return sorted(shifts, key=lambda each: (-each.weight, each.token))
