"""Rates with their Wilson intervals."""

import pytest

from cordelia.contracts.rate import Rate, wilson


@pytest.mark.parametrize(
    ("shown", "n", "low", "high"),
    [(8, 16, 0.28, 0.72), (0, 30, 0.0, 0.1135), (30, 30, 0.8865, 1.0), (0, 0, 0.0, 1.0)],
)
def test_wilson_intervals_are_the_textbook_ones(shown: int, n: int, low: float, high: float) -> None:
    rate = wilson(shown, n)
    assert rate.low == pytest.approx(low, abs=0.001)
    assert rate.high == pytest.approx(high, abs=0.001)


def test_a_rate_reads_well() -> None:
    assert str(wilson(21, 30)) == "21/30, 70% (52%–83%)"
    assert str(wilson(0, 0)) == "–"


@pytest.mark.parametrize(
    "changed", [{"shown": 0}, {"shown": 40}, {"low": 0.5}, {"high": 1.0}], ids=lambda changed: next(iter(changed))
)
def test_a_rate_whose_interval_is_not_its_counts_is_refused(changed: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"interval of|of 'n'"):
        Rate.model_validate({**wilson(16, 36).model_dump(), **changed})
