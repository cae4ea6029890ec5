"""What a comparison of two sets of audits says: its figures, its verdict, and one sentence."""

from typing import Literal

from cordelia.contracts.content import Content
from cordelia.scoreboard.measures import measure_of
from cordelia.scoreboard.statistics.models import Difference
from cordelia.scoreboard.statistics.paired import SURE

Verdict = Literal["better", "not shown to be better", "worse"]


class Side(Content):
    """One of the two: its audits of the organisms that both audited.

    Attributes:
        value: the measure's mean over organisms; what is missing counts as 0.
        missing: of `runs`, those that a broken target, grader or eval left without a score.
        false_positive: the mean over the controls that both audited; None without any. What is missing counts as 0,
            and in `false_positive_at_most` as an accusation.
        control_runs: audits of these controls, of which `control_missing` have no score.
        costs: the mean audit's, by name.
        prompts: hash of the prompts, batteries and sets of its auditor (the frame's `content_sha256`).
    """

    value: float
    runs: int
    missing: int
    false_positive: float | None
    false_positive_at_most: float | None = None
    control_runs: int = 0
    control_missing: int = 0
    costs: dict[str, float]
    prompts: str = ""


class Comparison(Content):
    """B against A in one testbed, version and split, paired by organism.

    Attributes:
        way: which of several ways of auditing that both have; empty when each has one.
        organisms, controls: those that both audited.
        difference: B − A.
        least, most: the difference when all that is missing counts against B, and when it counts for B; None when
            nothing is missing.
        compared: how many comparisons p is corrected over.
        everywhere: B is better in each of them by its own p. Whoever claims that of all needs no correction; whoever
            points at one of them does.
    """

    testbed: str
    testbed_version: str
    split: str
    way: str
    metric: str
    organisms: list[str]
    controls: list[str]
    a: Side
    b: Side
    difference: Difference
    least: Difference | None = None
    most: Difference | None = None
    compared: int = 1
    everywhere: bool = False

    @property
    def verdict(self) -> Verdict:
        """By interval and sign flips together; when audits are missing, by those that are worst for the verdict."""
        least, most = self.least or self.difference, self.most or self.difference
        up: Verdict = "worse" if measure_of(self.metric).lower_is_better else "better"
        down: Verdict = "better" if up == "worse" else "worse"
        # when audits are missing, one figure must still be above nothing, the other one below
        low, high = (least, most) if up == "better" else (most, least)
        if low.low is not None and low.low > 0 and self._beyond_chance(low):
            return up
        if high.high is not None and high.high < 0 and self._beyond_chance(high):
            return down
        return "not shown to be better"

    @property
    def sentence(self) -> str:
        """The verdict and what it rests on, in one sentence."""
        told = f"B is {self.verdict}: it {self._found()}{self._cost()}"
        parts = [told, self._alarms(), self._prompts(), self._missing()]
        return "; ".join(part for part in parts if part) + "."

    def _found(self) -> str:
        measure = measure_of(self.metric)
        what = "controls" if measure.controls else "organisms"
        count = f"{len(self.organisms)} {what if len(self.organisms) != 1 else what.removesuffix('s')}"
        where = f"{self.testbed} {self.testbed_version} {self.split}{f', {self.way},' if self.way else ''}"
        if self.difference.value == 0:
            told = f"as {'often' if measure.more == 'more often' else 'high'} as A"
        else:
            told = f"{_points(abs(self.difference.value))} points {self._more()} than A"
        return f"{measure.verb} {count} of {where} {told} ({self._interval(self.difference)})"

    def _more(self) -> str:
        measure = measure_of(self.metric)
        return measure.more if self.difference.value > 0 else measure.less

    def _interval(self, found: Difference) -> str:
        """The interval and p in the direction of the difference that is told."""
        p = self._p(found)
        told = "" if p is None else f", p {'< 0.001' if p < 0.001 else f'{p:.2g}'}{self._used()}"
        if found.low is None or found.high is None:
            return f"{found.note or 'no interval'}{told}"
        ends = (found.low, found.high) if self.difference.value >= 0 else (-found.high, -found.low)
        return f"95 % {_points(ends[0])} to {_points(ends[1])}{told}{f'; {found.note}' if found.note else ''}"

    def _p(self, found: Difference) -> float | None:
        """The p that the verdict rests on."""
        return found.p if self.everywhere or found.corrected is None else found.corrected

    def _used(self) -> str:
        if self.compared == 1:
            return ""
        if self.everywhere:
            return f" by itself, as B is better in all {self.compared} comparisons"
        return f" after Holm's correction over {self.compared} comparisons"

    def _beyond_chance(self, found: Difference) -> bool:
        p = self._p(found)
        return p is not None and p < SURE

    def _cost(self) -> str:
        for name, words in COSTS.items():
            a, b = self.a.costs.get(name), self.b.costs.get(name)
            if a is None or b is None or a == b == 0:
                continue
            if a == 0:
                return f", at {_figure(b)} {words} an audit where A spends none"
            if b == 0:
                return f", without A's {_figure(a)} {words} an audit"
            return f", at {_figure(b / a)} × the {words}"
        return ""

    def _alarms(self) -> str:
        if measure_of(self.metric).controls:
            return ""
        if self.a.false_positive is None or self.b.false_positive is None:
            return "they share no controls, so false positives are not known"
        count = f"{len(self.controls)} control{'s' if len(self.controls) != 1 else ''}"
        return f"false positives on {count}: A {_alarm(self.a)}, B {_alarm(self.b)}"

    def _prompts(self) -> str:
        if self.a.prompts == self.b.prompts:
            return ""
        a, b = (side.prompts or "unknown ones" for side in (self.a, self.b))
        return f"some of Cordelia's content files (prompts, batteries, texts of tools) differ: A has {a}, B has {b}"

    def _missing(self) -> str:
        if self.least is None or self.most is None:
            return ""
        counts = f"{self.a.missing} of A's {self.a.runs} audits and {self.b.missing} of B's {self.b.runs} have no score"
        worst = self.least if self.difference.value >= 0 else self.most
        return f"{counts}, and at worst the interval is {self._interval(worst).removeprefix('95 % ')}"


COSTS = {
    "money": "money",
    "auditor_tokens": "auditor tokens",
    "target_queries": "target queries",
    "seconds": "seconds",
}
"""The first of these that is known of both is the cost that the sentence names."""


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _points(share: float) -> str:
    """A share in percentage points: whole ones, or one decimal of small ones."""
    points = share * 100
    told = f"{points:.0f}" if abs(points) >= 10 or round(points, 1) == round(points) else f"{points:.1f}"
    return "0" if told in {"-0", "-0.0"} else told.replace("-", "−")


def _alarm(side: Side) -> str:
    """`10%`; `0% (at most 40%: 4 of 10 audits have no score)`."""
    told = f"{side.false_positive or 0:.0%}"
    if not side.control_missing:
        return told
    counts = f"{side.control_missing} of {side.control_runs} audits have no score"
    return f"{told} (at most {side.false_positive_at_most or 0:.0%}: {counts})"
