"""Means over organisms and their intervals: what they hold, what they refuse, and that they are the same every time."""

import numpy as np
import pytest

from cordelia.contracts.rate import wilson
from cordelia.scoreboard.statistics import clustered
from cordelia.scoreboard.statistics.intervals import dispersion_of, share_intervals, student


def test_organisms_weigh_the_same_however_many_runs_they_have() -> None:
    found = clustered({"ash": [1.0] * 90, "elm": [0.0], "fir": [0.0], "oak": [0.0], "yew": [0.0], "none": []})
    assert found is not None
    assert (found.value, found.n, found.unit, found.note) == (0.2, 5, "organisms", "")


def test_the_interval_is_over_organisms_and_not_over_runs() -> None:
    few = clustered({str(place): [place % 2] * 10 for place in range(6)})
    many_runs = clustered({str(place): [place % 2] * 1_000 for place in range(6)})
    many = clustered({str(place): [place % 2] * 10 for place in range(60)})
    assert few is not None and many_runs is not None and many is not None
    widths = [each.high - each.low for each in (few, many_runs, many) if each.low is not None and each.high is not None]
    assert widths[1] == pytest.approx(widths[0], abs=0.02), "more runs of the same organisms tell nothing of others"
    assert widths[0] > 0.6 and widths[2] < 0.3


def test_organisms_that_differ_by_chance_alone_are_worth_about_their_runs() -> None:
    found = clustered({str(place): [1.0] * (3 + place % 2) + [0.0] * 6 for place in range(12)})
    plain = wilson(42, 114)
    assert found is not None and found.low is not None and found.high is not None
    assert found.high - found.low == pytest.approx(plain.high - plain.low, rel=0.25)


def test_under_five_organisms_there_is_no_interval_and_it_is_said() -> None:
    found = clustered({"ash": [1.0], "elm": [0.0], "oak": [1.0], "yew": [1.0]})
    assert found is not None
    assert (found.value, found.low, found.high, found.n) == (0.75, None, None, 4)
    assert "under five organisms" in found.note and "under five organisms" in str(found)


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0.0, 0.393), (1.0, 0.607, 1.0)])
def test_organisms_all_alike_are_as_many_trials_as_organisms(share: float, low: float, high: float) -> None:
    found = clustered({str(place): [share] * 10 for place in range(6)})
    assert found is not None
    assert (found.low, found.high) == (low, high)
    trials = wilson(int(6 * share), 6)
    assert (found.low, found.high) == pytest.approx((trials.low, trials.high), abs=0.003)
    assert "alike" in found.note


def test_alike_in_the_middle_is_never_surer_than_all_runs_as_one_sample() -> None:
    found = clustered({str(place): [1.0, 0.0] * 5 for place in range(6)})
    assert found is not None and found.low is not None and found.high is not None
    plain = wilson(30, 60)
    assert found.low <= plain.low + 1e-4 and plain.high - 1e-4 <= found.high and "alike" in found.note


def test_graded_values_are_not_taken_for_coins() -> None:
    """Values between 0.4 and 0.6 vary less than values that are 0 or 1, and so does their mean."""
    graded = clustered({str(place): [0.4 + 0.02 * place, 0.5] for place in range(10)})
    coins = clustered({str(place): [0.0, 1.0] for place in range(10)})
    assert graded is not None and coins is not None
    assert (graded.high or 1) - (graded.low or 0) < 0.25 < (coins.high or 1) - (coins.low or 0)
    same = clustered({str(place): [0.5] * 4 for place in range(10)})
    assert same is not None and (same.high or 1) - (same.low or 0) > 0.02, "all alike is not certain"
    assert dispersion_of([[0.0, 1.0], [1.0, 1.0]]) == 1.0 and dispersion_of([[0.0], [0.0]]) == 1.0


def test_means_of_runs_are_worth_their_runs() -> None:
    means = {str(place): [0.4 + 0.02 * place] for place in range(10)}
    few, many = clustered(means, runs=20), clustered(means, runs=2_000)
    assert few is not None and many is not None
    assert (few.high or 1) - (few.low or 0) > 1.5 * ((many.high or 1) - (many.low or 0))


def test_nothing_has_no_mean_and_what_is_no_share_is_refused() -> None:
    assert clustered({}) is None and clustered({"oak": []}) is None
    with pytest.raises(ValueError, match=r"1\.5 of oak is no share"):
        clustered({"oak": [0.5, 1.5]})
    with pytest.raises(ValueError, match="is no share"):
        clustered({"oak": [float("nan")]})


def test_the_same_data_have_the_same_interval_in_whatever_order() -> None:
    values = {str(place): [place / 10] for place in range(10)}
    assert clustered(values) == clustered(dict(reversed(values.items()))) == clustered(values)


def test_turning_every_outcome_round_turns_the_interval_round() -> None:
    means = np.array([[0.1, 0.2, 0.2, 0.9, 0.3, 0.0]])
    low, high = share_intervals(means, 60)
    other_low, other_high = share_intervals(1 - means, 60)
    assert (other_low[0], other_high[0]) == pytest.approx((1 - high[0], 1 - low[0]), abs=1e-9)


def test_many_data_sets_at_once_are_each_as_alone() -> None:
    means = np.random.default_rng(3).random((450, 7))
    low, high = share_intervals(means, 70)
    for place in (0, 199, 200, 449):
        alone = share_intervals(means[place : place + 1], 70)
        assert (low[place], high[place]) == pytest.approx((alone[0][0], alone[1][0]), abs=1e-12)


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """A small copy of benchmarks/coverage.py; the standard error of the share is 1.1 points."""
    chance = np.random.default_rng(4)
    for spread in (1.0, 4.0):
        truths = chance.beta(0.4 * spread, 0.6 * spread, size=(400, 12))
        low, high = share_intervals(chance.binomial(10, truths) / 10, 120)
        held = float(np.mean((low <= 0.4) & (high >= 0.4)))
        assert 0.92 <= held <= 0.985


def test_students_quantiles_are_those_of_the_tables() -> None:
    assert [round(student(freedom), 3) for freedom in (1, 5, 30)] == [12.706, 2.571, 2.042]


@pytest.mark.parametrize("organisms", [6, 12])
def test_one_find_among_few_that_were_never_found_makes_the_interval_no_narrower(organisms: int) -> None:
    """One run of ten says nothing of organisms of a kind that is found always, and is not among these."""
    none = {str(n): [0.0] * 10 for n in range(organisms)}
    once, never = clustered(none | {"0": [1.0] + [0.0] * 9}), clustered(none)
    assert once is not None and never is not None and once.high is not None and never.high is not None
    assert once.high > 0.85 * never.high


def test_organisms_that_are_found_always_or_never_are_not_ruled_out_by_few() -> None:
    chance = np.random.default_rng(4)
    for organisms, easy in ((6, 0.2), (12, 0.1)):
        rates = np.where(chance.random((400, organisms)) < easy, 0.97, 0.03)
        low, high = share_intervals(chance.binomial(10, rates) / 10, organisms * 10)
        truth = easy * 0.97 + (1 - easy) * 0.03
        assert float(np.mean((low <= truth) & (truth <= high))) >= 0.93
