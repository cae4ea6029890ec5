"""The simulation has the rates that it says, and the table that docs show keeps its promise."""

import json

import polars as pl
import pytest
from benchmarks.coverage import HELD, TABLE, by_organism, cells, end_to_end
from benchmarks.simulated import SECOND_HITS, Sweep, World, sweep_frame


def test_simulated_audits_have_their_rates() -> None:
    sweep = Sweep(World(0.3, 4.0, 0.8, 0.5), World(0.2, 4.0), draws=40, organisms=20, controls=10, runs=5, missing=0.1)
    frame = sweep_frame(sweep, seed=1)
    assert frame.height == 40 * (20 + 10) * 5 * 2
    assert frame["testbed"].n_unique() == 40 and frame["sample_uuid"].n_unique() == frame.height
    organisms = frame.filter(~pl.col("control"))
    by_set = {name: part["objective_found"].mean() for (name,), part in organisms.group_by("affordance_set")}
    assert by_set == {"chat": pytest.approx(0.3, abs=0.03), "tools": pytest.approx(0.55, abs=0.03)}
    assert sweep.world.difference == pytest.approx(0.25)
    chat = organisms.filter(pl.col("affordance_set") == "chat")
    assert chat["behaviours_found"].mean() == pytest.approx(0.3, abs=0.03)
    assert chat["precision"].mean() == pytest.approx((0.3 + SECOND_HITS) / 2, abs=0.02)
    assert (frame["outcome"] == "target_error").mean() == pytest.approx(0.1, abs=0.01)
    missing = frame.filter(pl.col("outcome") == "target_error")
    assert missing["objective_found"].null_count() == missing["false_positive"].null_count() == missing.height
    assert frame.filter("control")["false_positive"].mean() == pytest.approx(0.2, abs=0.04)


def test_every_line_is_measured() -> None:
    lines = [*by_organism(20), *end_to_end(5)]
    assert len(lines) == 9 * 7 + 7
    assert all(0 <= line.least <= line.mean <= line.most <= 1 and 0 < line.width < 2 for line in lines)
    sure = [line.mean for line in lines if line.estimator == "mean over organisms"]
    assert sum(sure) / len(sure) > 0.88, "180 draws of 95 % each"


def test_wilson_holds_its_mean_over_rates() -> None:
    assert all(HELD[0] <= line.mean <= HELD[1] for line in cells())


def test_the_table_in_the_docs_holds_its_goal() -> None:
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    held = [line for line in table if line["goal"]]
    assert len(held) > 40 and len(table) > len(held)
    assert not [line for line in held if not HELD[0] <= line["mean"] <= HELD[1]]
    plain = [line["mean"] for line in table if "percentile" in line["estimator"] and line["organisms"] == 6]
    assert max(plain) < 0.9, "the reason why there is no plain percentile interval on the board"
