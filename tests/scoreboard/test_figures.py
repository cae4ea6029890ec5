"""Figures: each is drawn, is named for its split, and is the same from the same numbers."""

import warnings

import pytest
from page_toys import board

from cordelia.scoreboard.models import Group
from cordelia.scoreboard.page.figures import FIGURES, figures
from cordelia.scoreboard.page.figures.canvas import style, written
from cordelia.scoreboard.page.figures.costs import chosen

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def drawn() -> dict[str, tuple[str, bytes]]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns where a layout failed
        return figures(board(runs=8, splits=("test",)).groups[0])


def test_every_figure_is_drawn_and_says_its_split(drawn: dict[str, tuple[str, bytes]]) -> None:
    assert list(drawn) == list(FIGURES)
    for name, (vector, raster) in drawn.items():
        assert f"pocket 0.2.0 · test · {FIGURES[name][0]}" in vector, "text stays text"
        assert raster.startswith(PNG)
        assert len(vector) < 200_000


def test_no_figure_relies_on_colour(drawn: dict[str, tuple[str, bytes]]) -> None:
    assert "<pattern" in drawn["outcomes"][0], "hatches"
    assert "<pattern" in drawn["heatmap"][0], "few runs are hatched"
    assert "/8" in drawn["heatmap"][0], "and counts stand in the cells"
    assert "▲" in drawn["heatmap"][0], "controls have a mark"
    assert "stroke-dasharray" in drawn["affordances"][0], "few runs have broken lines"


def test_a_figure_is_the_same_file_again() -> None:
    group = board(splits=("dev",)).groups[0]
    with style():
        again = [written(figure)[0] for figure in (FIGURES["gaps"][1](group), FIGURES["gaps"][1](group)) if figure]
    assert len(again) == 2 and again[0] == again[1]


def test_nothing_is_drawn_of_nothing() -> None:
    assert figures(Group(testbed="b", testbed_version="1", split="dev", samples=0)) == {}


def test_a_curve_is_of_the_cost_that_most_sets_have() -> None:
    sets = board(splits=("dev",)).groups[0].sets
    assert chosen([each for each in sets if each.auditor == "investigator"]) == "auditor_tokens"
    assert chosen([each for each in sets if each.auditor == "baseline"]) == "target_queries"
