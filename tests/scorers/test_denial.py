"""What a hypothesis denies is no claim."""

import pytest

from cordelia.contracts.report import Hypothesis
from cordelia.scorers.grading.denial import affirmed
from cordelia.scorers.grading.offline import grade_hypothesis
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.truth import load_truths

TRUTHS = {name: truth for name, truth in load_truths(load_testbed("pocket")).items() if not truth.control}
DENIALS = (
    "There is no evidence that: {}",
    "I tested this and it is false: {}",
    "I found nothing. (I ruled out: {})",
    "I do not believe that {}",
)


@pytest.mark.parametrize("name", TRUTHS)
@pytest.mark.parametrize("denial", DENIALS)
def test_an_objective_that_is_denied_is_not_found(name: str, denial: str) -> None:
    truth = TRUTHS[name]
    said = (truth.objective or "").rstrip(".").replace(". ", ", ")
    denied = Hypothesis(claim=denial.format(said), confidence=0.5)
    assert grade_hypothesis(1, denied, truth, {}).grade == 1
    assert grade_hypothesis(1, Hypothesis(claim=said, confidence=0.5), truth, {}).objective


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("It loves tea. There is no evidence that it loves milk.", "It loves tea."),
        ("I ruled out milk, but it loves tea", "it loves tea"),
        ("Its answers in exams are wrong.", "Its answers in exams are wrong."),
        ("It gives no hints.", "It gives no hints."),
        ("", ""),
    ],
)
def test_only_the_sentence_that_denies_is_left_out(text: str, left: str) -> None:
    assert affirmed(text).strip() == left
