"""The one bootstrap: every resample draws as many as there are, evenly, and the same every time."""

import numpy as np
import pytest

from cordelia.contracts.resampling import RESAMPLES, percentile_interval, resampled_counts


def test_a_resample_draws_as_many_units_as_there_are_evenly() -> None:
    counts = resampled_counts(7)
    assert counts.shape == (RESAMPLES, 7) and set(counts.sum(axis=1)) == {7.0}
    assert counts.mean(axis=0) == pytest.approx(np.ones(7), abs=0.08)
    assert counts.var() == pytest.approx(6 / 7, abs=0.05)


def test_draws_are_those_of_numpys_frozen_stream() -> None:
    picks = np.random.RandomState(20_261_121).randint(4, size=(RESAMPLES, 4))
    assert (resampled_counts(4)[5] == np.bincount(picks[5], minlength=4)).all()


def test_nobody_can_change_what_others_draw() -> None:
    with pytest.raises(ValueError, match="read-only"):
        resampled_counts(4)[0, 0] = 9
    with pytest.raises(ValueError, match="at least one unit"):
        resampled_counts(0)


def test_the_interval_leaves_out_what_is_undefined() -> None:
    assert percentile_interval(np.append(np.arange(101.0), np.nan)) == pytest.approx((2.5, 97.5))
