"""The simulation has the rates that it says, and the table that docs show keeps its promise."""

import json
from dataclasses import replace

import polars as pl
import pytest
from benchmarks.coverage import AT_LEAST, BETWEEN, HELD, TABLE, Held, by_organism, cells, end_to_end
from benchmarks.simulated import SECOND_HITS, Sweep, World, sweep_frame

KNOWN = {("mean of shares (behaviours, precision)", 6, "3")}
"""Lines that miss their goal by a hair, as docs/statistics.md says."""


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
    assert len(lines) == 9 * 9 + 7
    assert all(0 <= line.least <= line.mean <= line.most <= 1 and 0 < line.width < 2 for line in lines)
    sure = [line.mean for line in lines if line.estimator == "mean over organisms"]
    assert sum(sure) / len(sure) > 0.88, "180 draws of 95 % each"


def test_wilson_holds_its_mean_over_rates() -> None:
    assert all(HELD[0] <= line.mean <= HELD[1] for line in cells())


def test_the_table_in_the_docs_holds_its_goal() -> None:
    table = [Held(**line) for line in json.loads(TABLE.read_text(encoding="utf-8"))]
    held = [line for line in table if line.goal]
    assert len(held) > 60 and len(table) > len(held) and {line.goal for line in held} == {BETWEEN, AT_LEAST}
    outside = {(line.estimator, line.organisms, line.runs): line.mean for line in held if not line.is_held}
    assert set(outside) <= KNOWN and all(mean > 0.925 for mean in outside.values()), outside
    assert min(line.least for line in table if "unlocked" in line.estimator) > 0.91, "in no world much less than said"
    plain = [line.mean for line in table if "percentile" in line.estimator and line.organisms == 6]
    assert max(plain) < 0.9, "the reason why there is no plain percentile interval on the board"


def test_lines_measured_alone_are_those_of_the_table() -> None:
    alone = list(by_organism(20, "paired"))
    assert len(alone) == 9 * 2
    assert alone == [line for line in by_organism(20) if "paired" in line.estimator]


def test_a_goal_of_at_least_has_no_upper_end() -> None:
    line = Held("x", "y", 6, "10", 0.99, 0.98, 1.0, 0.5)
    assert (
        not line.is_held and replace(line, goal=AT_LEAST).is_held and not replace(line, mean=0.9, goal=AT_LEAST).is_held
    )
