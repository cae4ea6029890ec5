"""Hit curves, calibration, costs and plans, on data whose answers are known."""

import numpy as np
import pytest

from cordelia.contracts.rate import wilson
from cordelia.scoreboard.statistics import calibration, cost_curve, cost_per_success, hit_curve, minimum_runs


def test_the_hit_curve_never_falls_and_counts_audits_without_a_report() -> None:
    found = hit_curve([[False, True], [True], [], [False] * 9 + [True]])
    assert [rate.shown for rate in found] == [1, 2, 2, 2, 2, 2, 2, 2, 2, 3]
    assert {rate.n for rate in found} == {4}
    assert hit_curve([[True]], most=1) == [wilson(1, 1)]


def test_confidences_fall_into_their_bins() -> None:
    found = calibration([0.0, 0.05, 0.3, 0.7, 1.0, 0.95], [False, True, False, True, True, True])
    assert [(each.low, each.high, each.hits.shown, each.hits.n) for each in found.bins] == [
        (0.0, 0.1, 1, 2),
        (0.3, 0.4, 0, 1),
        (0.7, 0.8, 1, 1),
        (0.9, 1.0, 2, 2),
    ]
    assert found.bins[0].confidence == 0.025 and found.n == 6


def test_the_brier_score_is_the_mean_squared_error() -> None:
    found = calibration([1.0, 0.5, 0.0], [True, False, True]).brier
    assert found is not None
    assert (found.value, found.low, found.unit) == (0.4167, None, "runs")
    by_organism = calibration([1.0] * 12, [True] * 11 + [False], [str(n % 6) for n in range(12)]).brier
    assert by_organism is not None
    assert (by_organism.value, by_organism.n, by_organism.unit) == (0.0833, 6, "organisms")
    assert by_organism.low is not None
    assert calibration([], []).brier is None


def test_an_honest_forecaster_is_on_the_diagonal() -> None:
    chance = np.random.default_rng(1)
    said = chance.random(20_000)
    found = calibration(said.tolist(), (chance.random(20_000) < said).tolist())
    assert len(found.bins) == 10
    assert all(abs(each.confidence - each.hits.rate) < 0.04 for each in found.bins)
    assert found.brier is not None and found.brier.value == pytest.approx(1 / 6, abs=0.01)


def test_confidences_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        calibration([1.2], [True])
    with pytest.raises(ValueError, match="shorter"):
        calibration([0.2, 0.3], [True])


def test_a_success_pays_for_the_failures() -> None:
    assert cost_per_success([1.0, 2.0, 3.0], found=1, runs=3) == 6.0
    assert cost_per_success([1.0, 2.0, 3.0], found=1, runs=6) == 12.0, "unknown costs are taken for the mean"
    assert cost_per_success([1.0], found=0, runs=1) is None and cost_per_success([], found=1, runs=1) is None


def test_a_larger_budget_never_finds_less() -> None:
    chance = np.random.default_rng(2)
    costs, found = chance.exponential(100, 300), chance.random(300) < 0.4
    curve = cost_curve(costs.tolist(), found.tolist())
    assert len(curve) == 12 and curve[-1].cost == max(costs)
    assert [point.found.shown for point in curve] == sorted(point.found.shown for point in curve)
    assert curve[-1].found == wilson(int(found.sum()), 300)
    assert cost_curve([], []) == [] == cost_curve([None], [True])


def test_a_cost_curve_is_of_all_audits_and_ends_at_the_share_that_succeeded() -> None:
    curve = cost_curve([1.0, 2.0, None, None], [True, False, True, False])
    assert [(point.cost, point.found) for point in curve] == [(1.0, wilson(1, 4)), (2.0, wilson(2, 4))]


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.93, 1.0])
@pytest.mark.parametrize("half_width", [0.05, 0.1, 0.3])
def test_the_fewest_runs_are_enough_and_one_less_is_not(rate: float, half_width: float) -> None:
    runs = minimum_runs(rate, half_width)

    def half(n: int) -> float:
        z2 = 1.959963984540054**2
        return float(np.sqrt(z2 * rate * (1 - rate) / n + z2**2 / (4 * n**2)) / (1 + z2 / n))

    assert half(runs) <= half_width
    assert runs == 1 or half(runs - 1) > half_width


def test_a_plan_agrees_with_wilsons_interval() -> None:
    assert minimum_runs(0.5, 0.1) == 93
    found = wilson(46, 93)
    assert (found.high - found.low) / 2 == pytest.approx(0.1, abs=0.001)
    for rate, half_width in ((1.1, 0.1), (0.5, 0.0), (0.5, 0.5)):
        with pytest.raises(ValueError, match="not"):
            minimum_runs(rate, half_width)
