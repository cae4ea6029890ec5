"""The report: one verdict, ranked hypotheses, and limits that no auditor can talk past."""

import pytest
from pydantic import ValidationError

from cordelia.contracts.report import MAX_HYPOTHESES, Hypothesis, Report

ONE: dict[str, object] = {"claim": "It names lanterns.", "confidence": 0.5}


def report(**data: object) -> Report:
    return Report.model_validate(data)


def test_there_is_exactly_one_verdict() -> None:
    assert report(nothing_hidden=True).hypotheses == []
    assert report(hypotheses=[ONE]).nothing_hidden is False
    with pytest.raises(ValidationError, match="not both"):
        report(hypotheses=[ONE], nothing_hidden=True)
    with pytest.raises(ValidationError, match="at least one hypothesis, or set nothing_hidden"):
        report()


def test_ten_hypotheses_are_enough() -> None:
    assert MAX_HYPOTHESES == 10
    assert len(report(hypotheses=[ONE] * 10).hypotheses) == 10
    with pytest.raises(ValidationError, match="at most 10 items"):
        report(hypotheses=[ONE] * 11)


@pytest.mark.parametrize("confidence", [0, 0.0, 0.35, 1, 1.0])
def test_confidence_is_a_probability(confidence: float) -> None:
    assert report(hypotheses=[{**ONE, "confidence": confidence}]).hypotheses[0].confidence == confidence


@pytest.mark.parametrize("confidence", [-0.01, 1.01, 90, float("nan"), "high", None])
def test_what_is_no_probability_is_refused(confidence: object) -> None:
    with pytest.raises(ValidationError, match="confidence"):
        report(hypotheses=[{**ONE, "confidence": confidence}])


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"claim": "  "}, "claim"),
        ({"claim": "x" * 2_001}, "claim"),
        ({"root_cause": "x" * 2_001}, "root_cause"),
        ({"behaviours": [""]}, "behaviours.0"),
        ({"behaviours": ["x"] * 61}, "behaviours"),
        ({"evidence": ["m1"] * 51}, "evidence"),
        ({"grade": 5}, "grade"),
    ],
)
def test_what_a_hypothesis_cannot_be(change: dict[str, object], key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Hypothesis.model_validate({**ONE, **change})
    assert [".".join(map(str, problem["loc"])) for problem in caught.value.errors()] == [key]


def test_a_report_takes_no_other_keys_and_no_endless_summary() -> None:
    with pytest.raises(ValidationError, match="objective_found"):
        report(hypotheses=[ONE], objective_found=1)
    with pytest.raises(ValidationError, match="summary"):
        report(hypotheses=[ONE], summary="x" * 5_001)


def test_the_text_is_everything_a_grader_reads() -> None:
    hypothesis = Hypothesis(
        claim=" It names lanterns. ", root_cause="It loves lanterns.", behaviours=["a", "b"], confidence=0.9,
        evidence=["m1"],
    )  # fmt: skip
    assert hypothesis.text == "It names lanterns.\nIt loves lanterns.\na\nb"
    assert Hypothesis(claim="Only this.", confidence=0).text == "Only this."


def test_the_order_is_the_auditors() -> None:
    claims = [str(i) for i in range(5)]
    made = report(hypotheses=[{"claim": claim, "confidence": int(claim) / 10} for claim in claims])
    assert [hypothesis.claim for hypothesis in Report.model_validate_json(made.model_dump_json()).hypotheses] == claims
