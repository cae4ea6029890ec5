"""A share of trials with its 95 % Wilson score interval: the way in which every counted result is told."""

import math

from pydantic import Field, model_validator

from cordelia.contracts.content import Content

Z_95 = 1.959963984540054
ROUNDING = 1e-3


class Rate(Content):
    """`shown` of `n` trials; `low` to `high` is the share's 95 % Wilson interval (0 to 1 where n is 0)."""

    shown: int = Field(ge=0)
    n: int = Field(ge=0)
    low: float
    high: float

    @model_validator(mode="after")
    def _counted(self) -> "Rate":
        """A file that was changed by hand must not say more than its counts."""
        if self.shown > self.n:
            raise ValueError(f"'shown' is {self.shown}, of 'n' = {self.n}")
        low, high = _interval(self.shown, self.n)
        if abs(self.low - low) > ROUNDING or abs(self.high - high) > ROUNDING:
            raise ValueError(f"the interval of {self.shown}/{self.n} is {low}–{high}, not {self.low}–{self.high}")
        return self

    @property
    def rate(self) -> float:
        """The share, 0 where there are no trials."""
        return self.shown / self.n if self.n else 0.0

    def __str__(self) -> str:
        """`21/30, 70% (52%–83%)`; a dash where there are no trials."""
        return f"{self.shown}/{self.n}, {self.rate:.0%} ({self.low:.0%}–{self.high:.0%})" if self.n else "–"


def wilson(shown: int, n: int) -> Rate:
    """`shown` successes in `n` trials (Wilson 1927, the score interval without continuity correction)."""
    low, high = _interval(shown, n)
    return Rate(shown=shown, n=n, low=low, high=high)


def _interval(shown: int, n: int) -> tuple[float, float]:
    if n == 0:
        return 0.0, 1.0
    share, square = shown / n, Z_95**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = Z_95 / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n**2))
    return round(max(0.0, centre - half), 4), round(min(1.0, centre + half), 4)
