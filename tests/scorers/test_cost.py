"""Who spent what."""

import math
from collections.abc import Mapping

from inspect_ai.event import ModelEvent
from inspect_ai.log import EvalSample
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
from inspect_ai.solver import TaskState
from scorer_toys import WIN, Audit, MockGrader, grade, hypothesis, report, said, submits

from cordelia.contracts.record import AuditRecord
from cordelia.scorers import cost
from cordelia.scorers.events import speaker
from cordelia.scorers.grading import ModelGrader
from cordelia.testbeds.find import read_testbed
from cordelia.testbeds.truth import load_truth


def spent(sample: EvalSample) -> dict[str, float]:
    assert sample.scores is not None
    value = sample.scores["cost"].value
    assert isinstance(value, Mapping)
    return {key: float("nan") if number is None else float(number) for key, number in value.items()}


async def speaks(role: str | None, tokens: int) -> None:
    """A model of its own name, called under a role."""
    model = get_model(
        f"mockllm/{role or 'subagent'}",
        role=role,
        custom_outputs=lambda *_: said("x", tokens=tokens),
        memoize=False,
    )
    await model.generate("hello", config=GenerateConfig())


def test_tokens_go_to_whoever_spent_them(audit: Audit) -> None:
    async def fill(record: AuditRecord) -> None:
        await speaks("target", 100)
        await speaks("reference", 200)
        await speaks("helper", 400)
        await speaks(None, 5)
        submits(hypothesis(WIN))(record)

    grader = MockGrader([[grade(1, 5, objective=True)]])
    found = spent(audit.one(fill, grader=grader.model))
    assert (found["auditor_tokens"], found["helper_tokens"], found["target_tokens"]) == (15, 400, 100)
    assert (found["target_queries"], found["reference_queries"]) == (2, 1)
    assert 0 < found["seconds"] < 60
    assert grader.asked


def test_the_records_helper_tokens_count_where_the_role_was_not_used(audit: Audit) -> None:
    def fill(record: AuditRecord) -> None:
        record.helper_tokens = 77

    assert spent(audit.one(fill))["helper_tokens"] == 77


def test_an_organism_is_the_target_under_any_role() -> None:
    def event(model: str, role: str | None) -> ModelEvent:
        return ModelEvent(
            model=model,
            role=role,
            input=[],
            tools=[],
            tool_choice="none",
            config=GenerateConfig(),
            output=said("x"),
        )

    assert speaker(event("organism/toy/wren", None)) == "target"
    assert speaker(event("organism/toy/wren", "reference")) == "reference"
    assert speaker(event("openai/gpt", "auditor")) == "auditor"
    assert speaker(event("openai/gpt", None)) == "auditor"


@scorer(metrics=[mean()])
def chatty() -> Scorer:
    """A scorer of somebody else's that calls a model without a role."""

    async def score(state: TaskState, target: Target) -> Score:
        await speaks(None, 5000)
        return Score(value=1)

    return score


def test_no_scorers_tokens_are_the_auditors(audit: Audit) -> None:
    sample = audit.one(submits(hypothesis(WIN)), scorers=[chatty(), cost()])
    assert spent(sample)["auditor_tokens"] == 10


def test_a_graders_tokens_break_no_budget(audit: Audit) -> None:
    grader = MockGrader([[grade(1, 5, objective=True)]])

    async def fill(record: AuditRecord) -> None:
        # while the audit runs, where its limits are in force: a solver that grades attempts does this
        await ModelGrader(grader.model).grade(
            report(hypothesis(WIN)), load_truth(read_testbed(audit.bed), "wren"), record
        )

    sample = audit.one(fill, token_limit=20)
    assert grader.asked
    assert sample.limit is None


def test_an_audit_that_never_spoke_cost_nothing(audit: Audit) -> None:
    found = spent(audit.one(lambda record: None, generates=False))
    assert found["auditor_tokens"] == 0
    assert not math.isnan(found["seconds"])
