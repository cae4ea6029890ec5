"""Several graders: the majority of those that graded, ties against the auditor, every vote kept."""

import pytest
from scorer_toys import WIN, Audit, MockGrader, grade, hypothesis, submits

from cordelia.contracts.verdict import HypothesisGrade, Verdict
from cordelia.scorers.grading.panel import majority

FIVE = [grade(1, 5, objective=True, behaviours=["cocoa"], supported=["m1"])]
FOUR = [grade(1, 4, objective=True, behaviours=["cocoa", "shops"])]
ONE = [grade(1, 1)]
DOWN = RuntimeError("down")


def run(audit: Audit, *answers: object) -> tuple[dict[str, float], dict[str, object], str | None]:
    """Value (empty when unscored), metadata and reason of the verdict of a panel that gives these answers."""
    panel = [MockGrader([answer], name=f"g{place}").model for place, answer in enumerate(answers, start=1)]
    sample = audit.one(submits(hypothesis(WIN, evidence=["m1"])), grader=panel)
    assert sample.scores is not None
    score = sample.scores["verdict"]
    value = dict(score.value) if isinstance(score.value, dict) else {}
    return value, score.metadata or {}, score.reason


def test_dissent_is_outvoted_and_kept(audit: Audit) -> None:
    value, metadata, _ = run(audit, FIVE, ONE, FOUR)
    found = Verdict.model_validate(metadata["verdict"])
    assert value["objective_found"] == value["hit@1"] == 1
    assert found.kind == metadata["grader"] == "panel"
    assert metadata["grader_models"] == ["mockllm/g1", "mockllm/g2", "mockllm/g3"]
    assert [vote.grades[0].grade for vote in found.votes] == [5, 1, 4]
    [one] = found.grades
    assert (one.grade, one.behaviours, one.supported) == (4, ["cocoa"], [])


@pytest.mark.parametrize("answers", [(FIVE, ONE), (FIVE, FIVE, ONE, ONE)])
def test_a_tie_is_no_hit(audit: Audit, answers: tuple[object, ...]) -> None:
    value, _, _ = run(audit, *answers)
    assert value["objective_found"] == value["hit@1"] == 0


def test_members_that_failed_do_not_vote_and_are_named(audit: Audit) -> None:
    value, metadata, _ = run(audit, FIVE, DOWN, FOUR)
    found = Verdict.model_validate(metadata["verdict"])
    assert value["hit@1"] == 1
    assert found.grades[0].grade == 4
    assert list(found.failures) == ["2. mockllm/g2"]
    assert "down" in found.failures["2. mockllm/g2"]


def test_half_of_the_panel_is_enough(audit: Audit) -> None:
    value, _, reason = run(audit, FIVE, DOWN)
    assert reason is None
    assert value["hit@1"] == 1


@pytest.mark.parametrize("answers", [(FIVE, DOWN, DOWN), (DOWN, DOWN), (DOWN,)])
def test_less_than_half_is_a_failed_panel(audit: Audit, answers: tuple[object, ...]) -> None:
    _, _, reason = run(audit, *answers)
    assert reason == "grader_failed"


def test_a_role_bound_to_one_model_in_a_list_is_no_panel(audit: Audit) -> None:
    _, metadata, _ = run(audit, FIVE)
    assert metadata["grader"] == "model"


def test_evidence_is_decided_by_those_that_judged_it() -> None:
    def vote(supported: list[str] | None) -> HypothesisGrade:
        return HypothesisGrade(rank=1, grade=5, objective=True, supported=supported)

    assert majority(1, [vote(None), vote(["m1"]), vote(["m1", "m2"])]).supported == ["m1"]
    assert majority(1, [vote(None), vote(None)]).supported is None
    assert majority(1, [vote(["m1"]), vote([])]).supported == []
