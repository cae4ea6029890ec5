"""Figures: each is drawn, is named for its split, and is the same from the same numbers."""

import re
import warnings
from xml.sax.saxutils import escape

import pytest
from page_toys import board

from cordelia.contracts.rate import wilson
from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures import AS_TABLE, FIGURES, Drawn, figures
from cordelia.scoreboard.page.figures.canvas import LIFT, MOST_LIFT, lifts, style, vector
from cordelia.scoreboard.page.figures.costs import chosen, marked, without
from cordelia.scoreboard.page.figures.form import NARROW, WIDE, Rows
from cordelia.scoreboard.page.figures.key import AT_MOST, BEYOND, FEW_GUESSES, FEW_RUNS

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def drawn() -> dict[str, Drawn]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns where a layout failed
        return figures(board(runs=8, splits=("test",)).groups[0])


def drawn_of(name: str, group: Group) -> str:
    """One figure, wide, as the text of an SVG."""
    with style():
        figure = FIGURES[name][1](group, WIDE)
        assert figure is not None
        return vector(figure)


def test_every_figure_is_drawn_and_says_its_split(drawn: dict[str, Drawn]) -> None:
    assert list(drawn) == list(FIGURES)
    for name, figure in drawn.items():
        assert f"pocket 0.2.0 · test · {FIGURES[name][0]}" in figure.wide, "text stays text"
        assert figure.raster.startswith(PNG)
        assert len(figure.wide) < 200_000


def test_a_figure_of_hidden_prompts_shows_what_was_found_by_demonstration() -> None:
    group = board(splits=("dev",)).groups[0]
    hidden = group.model_copy(
        update={
            "measure": "by_demonstration",
            "sets": [each.model_copy(update={"by_demonstration": each.hit_at_1}) for each in group.sets],
            "auditors": [each.model_copy(update={"by_demonstration": each.false_positive}) for each in group.auditors],
        }
    )
    for name in ("affordances", "leaderboard"):
        told = drawn_of(name, hidden)
        assert "found by demonstration" in told.lower() and "objective found" not in told.lower()
        assert told != drawn_of(name, group)


def width(vector: str) -> float:
    found = re.search(r'width="([\d.]+)pt"', vector)
    assert found is not None
    return float(found[1])


def test_a_phone_has_figures_of_its_own_width(drawn: dict[str, Drawn]) -> None:
    for name, figure in drawn.items():
        assert width(figure.wide) == pytest.approx(72 * WIDE.width)
        assert bool(figure.narrow) == (name not in AS_TABLE)
        if figure.narrow:
            assert width(figure.narrow) == pytest.approx(72 * NARROW.width)
    both = drawn["affordances"].narrow
    assert "Objective found" in both and "False positives on controls" in both
    assert all(name in drawn["leaderboard"].narrow for name in ("investigator · openai/gpt-4o", "baseline"))


def test_no_figure_relies_on_colour(drawn: dict[str, Drawn]) -> None:
    assert "<pattern" in drawn["outcomes"].wide, "hatches"
    assert "<pattern" in drawn["heatmap"].wide, "few runs are hatched"
    assert "/8" in drawn["heatmap"].wide, "and counts stand in the cells"
    assert "▲" in drawn["heatmap"].wide, "controls have a mark"
    assert "stroke-dasharray" in drawn["affordances"].wide, "few runs have broken lines"


def test_a_figure_is_the_same_file_again() -> None:
    group = board(splits=("dev",)).groups[0]
    assert drawn_of("gaps", group) == drawn_of("gaps", group)


def test_nothing_is_drawn_of_nothing() -> None:
    assert figures(Group(testbed="b", testbed_version="1", split="dev", samples=0)) == {}


def test_all_panels_are_of_the_cost_that_most_sets_have() -> None:
    """An investigator is measured in tokens and in queries, the baseline in queries alone: so queries for both."""
    group = board(splits=("dev",)).groups[0]
    assert chosen([each for each in group.sets if each.auditor == "investigator"]) == "auditor_tokens"
    assert chosen(group.sets) == "target_queries" and without(group.sets) == []
    figure = drawn_of("costs", group)
    assert figure.count("target queries at most") == 3 and "auditor tokens" not in figure


def test_an_auditor_without_the_cost_has_no_panel_and_is_named() -> None:
    group = board(splits=("dev",)).groups[0]
    sets = [
        each.model_copy(update={"cost_curves": {"seconds": each.cost_curves["target_queries"]}})
        if each.auditor == "baseline"
        else each
        for each in group.sets
    ]
    assert (chosen(sets), without(sets)) == ("auditor_tokens", ["baseline"])
    assert drawn_of("costs", group.model_copy(update={"sets": sets})).count("auditor tokens at most") == 2


def test_few_runs_are_drawn_as_such_wherever_there_is_a_line(drawn: dict[str, Drawn]) -> None:
    many = board(runs=12, splits=("test",)).groups[0]
    for name in ("affordances", "differences", "leaderboard", "costs", "hits"):
        for told in (drawn[name].wide, drawn[name].narrow):
            assert FEW_RUNS in told and "stroke-dasharray" in told, name
        of_many = drawn_of(name, many)
        assert FEW_RUNS not in of_many and "stroke-dasharray" not in of_many, name


def test_every_meaning_has_a_mark_of_its_own_and_stands_in_the_picture(drawn: dict[str, Drawn]) -> None:
    assert AT_MOST in drawn["affordances"].wide
    beyond = drawn["differences"].wide
    assert escape(BEYOND) in beyond and "0.006" in beyond, "p stands beside its interval"
    assert FEW_GUESSES not in drawn["calibration"].wide, "every bin of the toys is of forty"
    assert drawn["calibration"].wide.count(">40<") == 27, "and says so"
    group = board(runs=12, splits=("test",)).groups[0]
    low = [each.model_copy(update={"corrected": 0.4}) for each in (d.difference for d in group.differences)]
    unsure = [each.model_copy(update={"difference": d}) for each, d in zip(group.differences, low, strict=True)]
    bins = [group.calibration[0].calibration.bins[0].model_copy(update={"hits": wilson(1, 4)})]
    rare = group.calibration[0].calibration.model_copy(update={"bins": bins, "n": 4})
    changed = group.model_copy(
        update={"differences": unsure, "calibration": [group.calibration[0].model_copy(update={"calibration": rare})]}
    )
    assert escape(BEYOND) not in drawn_of("differences", changed)
    few = drawn_of("calibration", changed)
    assert FEW_GUESSES in few and FEW_RUNS not in few


def test_curves_that_would_hide_each_other_stand_apart() -> None:
    flat, high = [(0.0, 0.0), (9.0, 0.0)], [(0.0, 0.0), (9.0, 0.5)]
    assert lifts([high, flat]) == [0.0, 0.0]
    assert lifts([flat, high, flat]) == [LIFT / 2, 0.0, -LIFT / 2]
    crowd = lifts([flat] * 20)
    assert len(set(crowd)) == 20 and max(crowd) - min(crowd) == pytest.approx(MOST_LIFT)
    assert lifts([[(1.0, 0.5)], [(1.0, 0.51)]]) == [-LIFT / 2, LIFT / 2], "the higher one stays the higher one"


def test_series_of_a_row_never_share_a_place() -> None:
    for form in (WIDE, NARROW):
        rows = Rows(form, ["a", "b"], 3)
        places = [rows.at(place, lane) for place in (0, 1) for lane in range(3)]
        assert places == sorted(set(places)), form
        assert places[0] > -0.5 and places[2] < 0.5 < places[3] and places[5] < 1.5
    assert Rows(NARROW, ["a"]).at(0) > 0, "below its name"
    assert Rows(WIDE, ["a"]).at(0) == 0


def test_a_curve_has_marks_up_to_its_end() -> None:
    assert marked(100)[-1] == 100 and len(marked(100)) == 4
    assert marked(2) == [1, 2] and marked(0) == []


def test_a_leaderboard_shows_what_unscored_audits_could_come_to() -> None:
    group = board(splits=("dev",)).groups[0]
    assert AT_MOST not in drawn_of("leaderboard", group)
    first = group.auditors[0]
    assert first.false_positive is not None
    most = first.false_positive.model_copy(update={"value": 0.9})
    changed = group.model_copy(update={"auditors": [first.model_copy(update={"false_positive_at_most": most})]})
    assert AT_MOST in drawn_of("leaderboard", changed)
