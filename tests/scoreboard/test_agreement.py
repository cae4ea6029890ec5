"""Agreement of graders: pairwise on the same audits, and against labels, checked by hand."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from frame_toys import alarms, frame, runs

from cordelia.contracts.errors import ContentError
from cordelia.scoreboard.agreement import agreement_with_labels, agreements
from cordelia.scoreboard.board import board
from cordelia.scoreboard.columns import empty_tool_checks
from cordelia.scoreboard.reading import Reading

STORED = Path(__file__).parents[2] / "docs/results/grade-check/qwen2.5-coder-1.5b.json"


def graded(grader: str, said: list[float | None]) -> list[dict[str, object]]:
    """One grader's say on the same audits, ten of each organism."""
    names = [f"tree{place}" for place in range(len(said) // 10)]
    rows = runs({name: said[10 * place : 10 * place + 10] for place, name in enumerate(names)}, grader=grader)
    return [row | {"sample_uuid": f"audit{place}"} for place, row in enumerate(rows)]


def test_two_graders_on_the_same_audits() -> None:
    """Both yes 10, first alone 5, second alone 2, neither 3: agree 13/20; chance is (15·12 + 5·8)/400 = 0.55."""
    first = [1.0] * 15 + [0.0] * 5
    second = [1.0] * 10 + [0.0] * 5 + [1.0] * 2 + [0.0] * 3
    [found] = agreements(frame([*graded("offline", second), *graded("openai/gpt-4o", first)]))
    assert (found.first, found.second, found.n) == ("offline", "openai/gpt-4o", 20)
    assert (found.both, found.first_only, found.second_only, found.neither) == (10, 2, 5, 3)
    assert found.agree is not None and found.agree.shown == 13
    assert found.kappa == pytest.approx((0.65 - 0.55) / 0.45, abs=1e-4)
    assert found.low is not None and found.high is not None and found.low <= found.kappa <= found.high
    assert found.measure == "objective found"


def test_three_graders_are_three_pairs_and_one_is_none() -> None:
    rows = [*graded("a", [1.0] * 10), *graded("b", [1.0] * 10), *graded("c", [0.0] * 10)]
    assert [(each.first, each.second) for each in agreements(frame(rows))] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert agreements(frame(graded("a", [1.0] * 10))) == []
    assert agreements(frame([])) == []


def test_what_one_could_not_grade_is_counted_apart() -> None:
    [found] = agreements(frame([*graded("a", [1.0] * 10), *graded("b", [None] * 4 + [1.0] * 6)]))
    assert (found.n, found.unscored, found.both) == (6, 4, 6)
    assert found.kappa is None, "both always say the same: there is nothing to agree on beyond chance"


def test_other_audits_and_controls_are_no_pairs() -> None:
    others = [row | {"sample_uuid": f"other{place}"} for place, row in enumerate(graded("b", [1.0] * 10))]
    assert agreements(frame([*graded("a", [1.0] * 10), *others])) == []
    controls = [alarms({"ash": [1.0]}, grader=name, sample_uuid="same") for name in ("a", "b")]
    assert agreements(frame([*controls[0], *controls[1]])) == []
    nameless = [row | {"sample_uuid": ""} for name in ("a", "b") for row in graded(name, [1.0] * 10)]
    assert agreements(frame(nameless)) == []


def test_of_one_graders_two_gradings_the_newer_counts() -> None:
    later = datetime(2026, 11, 22, tzinfo=UTC)
    newer = [row | {"created": later} for row in graded("a", [1.0] * 10)]
    [found] = agreements(frame([*newer, *graded("a", [0.0] * 10), *graded("b", [1.0] * 10)]))
    assert found.both == 10


def test_against_labels_as_a_grade_check_wrote_them() -> None:
    [found] = agreement_with_labels(STORED)
    stored = json.loads(STORED.read_text(encoding="utf-8"))["figures"]["test"]
    assert (found.first, found.second) == ("openai-api/local/qwen2.5-coder-1.5b", "labels (test)")
    assert found.measure == "hit"
    assert found.n == stored["hit"]["n"] and found.unscored == stored["unscored"]
    assert found.agree is not None and found.agree.shown == stored["hit"]["shown"]
    assert (found.kappa, found.low, found.high) == tuple(stored["kappa_hit"][key] for key in ("value", "low", "high"))


def test_what_is_no_grade_check_is_named(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"grader": {"name": "a"}, "figures": {"test": {"unscored": 1}}}', encoding="utf-8")
    with pytest.raises(ContentError, match=r"x\.json: figures\.test\.kappa_hit"):
        agreement_with_labels(file)


def test_labels_stand_in_the_groups_of_their_grader() -> None:
    labels = agreement_with_labels(STORED)
    rows = [row | {"split": "test"} for row in graded(labels[0].first, [1.0] * 10)]
    made = board(Reading(frame([*graded("offline", [1.0] * 10), *rows]), empty_tool_checks()), labels)
    assert [(group.split, len(group.agreement)) for group in made.groups] == [("dev", 0), ("test", 1)]
    assert made.groups[1].agreement == labels
