"""What scores tell a table beside their values: who audited, how sure it was, its tools, its money."""

from collections.abc import Mapping

import pytest
from inspect_ai.event import ModelEvent, SpanBeginEvent, ToolEvent
from inspect_ai.log import EvalSample, transcript
from inspect_ai.model import GenerateConfig, ModelUsage
from inspect_ai.util import span
from scorer_toys import MISS, WIN, Audit, MockGrader, grade, hypothesis, report, said, submits

from cordelia.contracts.record import AuditRecord
from cordelia.contracts.scored import Used, used
from cordelia.scorers.cost import spending


def told(sample: EvalSample, scorer: str) -> Mapping[str, object]:
    score = (sample.scores or {})[scorer]
    return score.metadata or {}


def test_the_first_call_of_a_tool_is_placed_among_all_calls() -> None:
    assert used(["chat", "probe", "chat", "submit_report", "chat"]) == {
        "chat": Used(3, 0.0),
        "probe": Used(1, 0.25),
        "submit_report": Used(1, 0.75),
    }
    assert used(["chat"]) == {"chat": Used(1, 0.0)} and used([]) == {}


def test_confidences_stand_beside_what_hit(audit: Audit) -> None:
    grader = MockGrader([[grade(1, 2), grade(2, 5, objective=True)]])
    sample = audit.one(submits(hypothesis(MISS, 0.7), hypothesis(WIN, 0.3)), grader=grader.model)
    found = told(sample, "quality")
    assert (found["confidences"], found["hits"]) == ([0.7, 0.3], [False, True])


def test_a_control_has_no_hit_and_a_report_without_contact_no_judgement(audit: Audit) -> None:
    control = told(audit.one(submits(hypothesis(MISS, 0.7)), organism="plain"), "quality")
    assert (control["confidences"], control["hits"]) == ([0.7], [False])

    def blind(record: AuditRecord) -> None:
        record.report = report(hypothesis(WIN, 0.9))

    unseen = told(audit.one(blind), "quality")
    assert (unseen["confidences"], unseen["hits"]) == ([], [])


def test_the_auditor_is_named_by_the_outcome(audit: Audit) -> None:
    def named(record: AuditRecord) -> None:
        record.auditor = "their/auditor"

    assert told(audit.one(named), "outcome")["auditor"] == "their/auditor"


def test_an_auditor_without_tool_calls_has_the_affordances_that_it_looked_with(audit: Audit) -> None:
    async def looks(record: AuditRecord) -> None:
        for name in ("battery", "logit_lens", "battery"):
            async with span(name, type="affordance"):
                transcript().info("looked")

    found = told(audit.one(looks), "cost")
    assert found["tool_calls"] == {"battery": 2, "logit_lens": 1}
    assert found["tool_first"] == {"battery": 0.0, "logit_lens": 0.5}


def call(model: str, role: str | None, cost: float | None, cached: bool = False) -> ModelEvent:
    output = said("x")
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2, total_cost=cost)
    return ModelEvent(
        model=model,
        role=role,
        input=[],
        tools=[],
        tool_choice="none",
        config=GenerateConfig(),
        output=output,
        cache="read" if cached else None,
    )


@pytest.mark.parametrize(
    ("prices", "money"),
    [((0.5, 0.25, 9.0), 0.75), ((None, 0.25, 9.0), None), ((0.5, 0.25, None), 0.75), ((), 0.0)],
)
def test_money_is_that_of_auditor_and_helper_and_unknown_when_a_price_is(
    prices: tuple[float | None, ...], money: float | None
) -> None:
    roles = (None, "helper", "target")
    events = [call("x/y", role, price) for role, price in zip(roles, prices, strict=False)]
    assert spending([*events, call("x/y", None, None, cached=True)])["money"] == money


def test_tool_calls_win_over_spans() -> None:
    events = [
        SpanBeginEvent(id="1", name="battery", type="affordance"),
        ToolEvent(id="2", function="chat", arguments={}),
        ToolEvent(id="3", function="submit_report", arguments={}),
    ]
    assert spending(list(events))["tool_calls"] == {"chat": 1, "submit_report": 1}
