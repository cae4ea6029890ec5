"""What statistics give: numbers with their 95 % intervals, as plain data."""

from typing import Literal

from pydantic import Field

from cordelia.contracts.content import Content
from cordelia.contracts.rate import Rate


class Estimate(Content):
    """A mean with its 95 % interval.

    Attributes:
        low, high: None where there is no interval that could be trusted; `note` says why.
        n: how many of `unit` the interval is over.
        note: why there is no interval, or why it is a cautious one. Empty: the usual one.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int = Field(ge=0)
    unit: Literal["runs", "organisms"]
    note: str = ""

    def __str__(self) -> str:
        """`32% (5%–71%; 6 organisms)`; what its note says, and no interval where there is none."""
        ends = "" if self.low is None or self.high is None else f"{self.low:.0%}–{self.high:.0%}; "
        count = f"{self.n} {self.unit if self.n != 1 else self.unit.removesuffix('s')}"
        return f"{self.value:.0%} ({ends}{count}{f'; {self.note}' if self.note else ''})"


class Difference(Content):
    """A mean difference over organisms that were audited both ways, B − A.

    Attributes:
        low, high: its 95 % interval; None where there is none that could be trusted (`note` says why).
        p: two-sided, by flipping signs of organisms' differences; None below two organisms.
        corrected: `p` after Holm's correction over the differences that it was tested with.
    """

    value: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    organisms: int = Field(ge=0)
    corrected: float | None = None
    note: str = ""


class Bin(Content):
    """The hypotheses whose confidence lies in [low, high) (the last bin holds 1): what was said, and what was right."""

    low: float
    high: float
    confidence: float
    hits: Rate


class Calibration(Content):
    """How confidences and hits agree, over `n` hypotheses. Bins without hypotheses are left out."""

    bins: list[Bin]
    brier: Estimate | None
    n: int


class CostPoint(Content):
    """Within `cost`, this share of all audits had been finished and had found the objective."""

    cost: float
    found: Rate
