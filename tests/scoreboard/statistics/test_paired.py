"""Paired differences: over organisms in both, with an exact p where they are few, and corrected for their number."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from cordelia.scoreboard.statistics import Difference, corrected, paired
from cordelia.scoreboard.statistics.intervals import difference_intervals, unseen_share
from cordelia.scoreboard.statistics.paired import sign_flip


def test_only_organisms_in_both_count() -> None:
    a = {"ash": [0.0, 0.0], "elm": [1.0], "alone": [1.0]}
    b = {"ash": [1.0, 0.0], "elm": [1.0], "other": [0.0]}
    found = paired(a, b)
    assert found is not None
    assert (found.value, found.organisms, found.low) == (0.25, 2, None)
    assert "under five" in found.note
    assert paired(a, {"other": [1.0]}) is None


def test_what_organisms_have_in_common_cancels() -> None:
    """The sets differ by the same everywhere, and organisms differ a lot: unpaired, nothing would be seen."""
    a = {str(place): [1.0] * place + [0.0] * (12 - place) for place in range(1, 10)}
    b = {str(place): [1.0] * (place + 2) + [0.0] * (10 - place) for place in range(1, 10)}
    found = paired(a, b)
    assert found is not None and found.low is not None and found.high is not None
    assert found.value == 0.1667 and found.low > 0 and found.high < 0.35
    assert found.p == round(2 / 2**9, 6)


def test_turned_round_it_is_the_same_with_the_other_sign() -> None:
    a = {str(place): [place / 10] for place in range(8)}
    b = {str(place): [(place * 7 % 8) / 10] for place in range(8)}
    one, other = paired(a, b), paired(b, a)
    assert one is not None and other is not None and one.low is not None and one.high is not None
    assert (other.value, other.low, other.high, other.p) == (-one.value, -one.high, -one.low, one.p)


@pytest.mark.parametrize(("first", "second"), [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)])
def test_no_spread_at_all_has_a_cautious_interval(first: float, second: float) -> None:
    found = paired({str(n): [first] for n in range(6)}, {str(n): [second] for n in range(6)})
    assert found is not None and found.low is not None and found.high is not None
    assert "alike" in found.note
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low > 0.39, "of six organisms, 39 % of all may be of a kind that is not among them"
    assert (found.low > 0 or found.high < 0) == (first != second)
    assert found.p == (1.0 if first == second else 2 / 64)


def test_the_exact_p_counts_sign_flips() -> None:
    assert sign_flip(np.array([0.3, 0.2, 0.1])) == 0.25
    assert sign_flip(np.array([0.3, -0.3])) == 1.0
    assert sign_flip(np.array([0.3])) is None


def test_the_drawn_p_is_near_the_exact_one() -> None:
    change = np.random.default_rng(1).normal(0.3, 1, size=14)
    padded = np.append(change, [0.0, 0.0])
    exact, drawn = sign_flip(change), sign_flip(padded)
    assert exact is not None and drawn is not None
    assert drawn == pytest.approx(exact, abs=0.012), "organisms without a difference change no p"


def test_the_p_of_nothing_is_even() -> None:
    """Of differences around 0, one in ten has a p of 0.1 or less."""
    chance = np.random.default_rng(2)
    found = [sign_flip(chance.normal(size=10)) or 0 for _ in range(400)]
    assert np.mean(np.array(found) <= 0.1) == pytest.approx(0.1, abs=0.045)


def test_holms_correction_is_statsmodels_and_keeps_the_order() -> None:
    raw = [0.04, 0.001, 0.6, 0.03, 0.03]
    differences = [Difference(value=0.1, organisms=6, p=p) for p in raw]
    differences.insert(2, Difference(value=0.1, organisms=1))
    found = corrected(differences)
    assert found[2].corrected is None and [each.p for each in found if each.p is not None] == raw
    wanted = multipletests(raw, method="holm")[1].tolist()
    assert [each.corrected for each in found if each.corrected is not None] == pytest.approx(wanted, abs=1e-6)
    assert corrected([]) == []


def test_differences_hold_the_truth_about_as_often_as_they_say() -> None:
    chance = np.random.default_rng(5)
    first = chance.beta(0.6, 1.4, size=(400, 8))
    second = 0.5 * first + 0.5 * chance.beta(1.2, 0.8, size=(400, 8))
    low, high = difference_intervals(chance.binomial(10, first) / 10, chance.binomial(10, second) / 10, (10, 10))
    assert 0.92 <= float(np.mean((low <= 0.15) & (high >= 0.15))) <= 0.985


@pytest.mark.parametrize("organisms", [6, 8, 12, 15])
def test_each_organism_more_that_is_found_lifts_the_interval(organisms: int) -> None:
    """Organisms that are found always or never, as a program's audits of one organism are."""
    lows = []
    for found in range(organisms + 1):
        a = {str(n): [0.0] * 3 for n in range(organisms)}
        b = {str(n): [float(n < found)] * 3 for n in range(organisms)}
        difference = paired(a, b)
        assert difference is not None and difference.low is not None
        lows.append(difference.low)
    assert lows[1] > -0.6 and all(high - low > -0.15 for low, high in pairwise(lows)), lows


def runs_of(shares: Sequence[float], runs: int) -> dict[str, list[float]]:
    return {
        str(n): [1.0] * round(share * runs) + [0.0] * (runs - round(share * runs)) for n, share in enumerate(shares)
    }


def width(a: Mapping[str, Sequence[float]], b: Mapping[str, Sequence[float]]) -> float:
    found = paired(a, b)
    assert found is not None and found.low is not None and found.high is not None
    return found.high - found.low


@pytest.mark.parametrize("other", [0.9, 0.7, 0.5, 0.0])
@pytest.mark.parametrize("place", [0, 2])
def test_one_organism_that_differs_makes_no_interval_narrower(other: float, place: int) -> None:
    """Six organisms, found always or never: 9 of 10 in place of 10 of 10 is no news of organisms of other kinds."""
    shares = [0.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    changed = [*shares]
    changed[place] = other if place else 1 - other
    alike = width(runs_of(shares, 2), runs_of(shares, 10))
    assert alike == pytest.approx(2 * unseen_share(6), abs=1e-3)
    assert width(runs_of(shares, 2), runs_of(changed, 10)) >= alike


def test_less_agreement_is_never_a_narrower_interval() -> None:
    chance = np.random.default_rng(8)
    for _ in range(150):
        organisms, runs = int(chance.choice([6, 12])), int(chance.choice([2, 3, 10]))
        first = chance.binomial(runs, chance.choice([0.03, 0.5, 0.97], size=organisms)) / runs
        second = first.copy()
        moved = chance.choice(organisms, size=2, replace=False)
        second[moved] = chance.binomial(runs, 0.5, size=2) / runs
        a, b = runs_of(first.tolist(), runs), runs_of(second.tolist(), runs)
        assert width(a, b) >= width(a, a) - 1e-3, (first, second)


def test_no_interval_is_narrower_than_the_runs_own_chance() -> None:
    """Organisms that are found half of the time and happen to agree: the interval is that of two sums of coins."""
    few, many = ({str(n): [1.0, 0.0] * pairs for n in range(8)} for pairs in (2, 20))
    assert width(few, few) == pytest.approx(2 * 1.96 * (2 * 0.25 / 4 / 8) ** 0.5, abs=1e-3)
    assert width(many, many) == pytest.approx(2 * 1.96 * (2 * 0.25 / 40 / 8) ** 0.5, abs=1e-3)


def test_shares_that_are_no_coins_have_less_chance_of_their_own() -> None:
    steady = {str(n): [0.25, 0.25, 0.25, 0.25] for n in range(8)}
    assert width(steady, steady) < 0.2 < width(runs_of([0.25] * 8, 4), runs_of([0.25] * 8, 4))


@pytest.mark.parametrize(("organisms", "runs"), [(6, (2, 10)), (6, (10, 10)), (12, (10, 10)), (6, (3, 3))])
def test_what_a_set_unlocks_in_some_organisms_is_not_ruled_out_by_few(organisms: int, runs: tuple[int, int]) -> None:
    """A third of all organisms is found nearly always; of the others, B unlocks a part, which may not be among few."""
    chance = np.random.default_rng(3)
    held = []
    for share in (0.2, 0.3, 0.5):
        easy = chance.random((300, organisms)) < 1 / 3
        found = easy | (chance.random((300, organisms)) < share)
        rates = [np.where(each, 0.97, 0.03) for each in (easy, found)]
        first, second = (chance.binomial(n, rate) / n for n, rate in zip(runs, rates, strict=True))
        low, high = difference_intervals(first, second, runs)
        truth = 2 / 3 * share * 0.94
        held.append(float(np.mean((low <= truth) & (truth <= high))))
    assert min(held) >= 0.9 and np.mean(held) >= 0.94, held
