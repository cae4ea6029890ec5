"""How many runs an interval of a wanted width takes."""

from math import sqrt

from cordelia.contracts.rate import Z_95


def minimum_runs(rate: float, half_width: float) -> int:
    """The fewest runs whose Wilson interval, at this share of successes, reaches no further than `half_width` from its
    middle. Where no rate can be guessed, 0.5 asks for the most.

    Raises:
        ValueError: `rate` is not from 0 to 1, or `half_width` not between 0 and 0.5.
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"a rate is from 0 to 1, not {rate}")
    if not 0 < half_width < 0.5:
        raise ValueError(f"half a width is between 0 and 0.5, not {half_width}")
    few, enough = 0, 1
    while _half_width(rate, enough) > half_width:
        few, enough = enough, 2 * enough
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if _half_width(rate, middle) <= half_width else (middle, enough)
    return enough


def _half_width(rate: float, n: int) -> float:
    return Z_95 / (1 + Z_95**2 / n) * sqrt(rate * (1 - rate) / n + Z_95**2 / (4 * n**2))
