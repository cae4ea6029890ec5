"""What one split says, as facts; the sentences are made of them in templates/headline.txt."""

from dataclasses import dataclass

from cordelia.scoreboard.models import Group, SetDifference, SetResult
from cordelia.scoreboard.statistics.paired import SURE


@dataclass(frozen=True)
class Headline:
    """The facts.

    Attributes:
        best: the auditor and set that found most; None where no organism with an objective was audited.
        equals: how many others found as much.
        ways: auditors × sets that were audited on organisms with an objective.
        tested: comparisons of a set with the baseline set that have a corrected p.
        sure: those under `SURE`, the largest difference first.
        least: the smallest corrected p.
        few: some organism has under ten runs with the best.
    """

    best: SetResult | None
    equals: int
    ways: int
    tested: int
    sure: list[SetDifference]
    least: float | None

    @property
    def few(self) -> bool:
        return self.best is not None and self.best.few

    @property
    def wolf(self) -> bool:
        """Whether the best accuses controls at least as often as it is right."""
        if self.best is None or self.best.found is None or self.best.false_positive is None:
            return False
        return self.best.false_positive.value > 0 and self.best.false_positive.value >= self.best.found.value

    @property
    def alarms_at_most(self) -> float | None:
        """The best's share of accused controls, had every unscored audit been an accusation; None where none is."""
        most = None if self.best is None else self.best.false_positive_at_most
        return None if most is None else most.value

    @property
    def maybe_wolf(self) -> bool:
        """Whether that could be at least as often as the best is right."""
        if self.alarms_at_most is None or self.best is None or self.best.found is None:
            return False
        return self.alarms_at_most > 0 and self.alarms_at_most >= self.best.found.value


def headline(group: Group) -> Headline:
    """The facts of a group."""
    ranked = sorted(
        ((result.found.value, result) for result in group.sets if result.found is not None),
        key=lambda pair: -pair[0],
    )
    tested = [each for each in group.differences if each.difference.corrected is not None]
    chances = [each.difference.corrected for each in tested if each.difference.corrected is not None]
    sure = [each for each in tested if each.difference.corrected is not None and each.difference.corrected < SURE]
    return Headline(
        best=ranked[0][1] if ranked else None,
        equals=sum(value == ranked[0][0] for value, _ in ranked) - 1 if ranked else 0,
        ways=len(ranked),
        tested=len(tested),
        sure=sorted(sure, key=lambda each: -abs(each.difference.value)),
        least=min(chances, default=None),
    )
