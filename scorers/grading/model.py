"""The grader that is a model: a frozen prompt, quoted data, one forced and validated answer.

The model comes from the role `grader` and from nowhere else, with the settings that the role was bound with;
the model under test never grades itself by default. Its tokens are on nobody's budget.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from inspect_ai.model import (
    ChatMessage,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    Model,
    ModelOutput,
)
from inspect_ai.tool import ToolFunction, ToolInfo
from inspect_ai.util import LimitExceededError, suspend_token_limit, suspend_turn_limit

from cordelia.contracts.record import AuditRecord
from cordelia.contracts.report import Report
from cordelia.contracts.verdict import HypothesisGrade, Verdict
from cordelia.scorers.grading.base import GraderFailed
from cordelia.scorers.grading.exhibit import answer_key, exhibit
from cordelia.scorers.grading.payload import TOOL, InvalidPayload, check_payload, grading_tool, read_payload
from cordelia.scorers.grading.quoting import Fence, quote
from cordelia.scorers.grading.texts import fill
from cordelia.testbeds.truth import Truth

TRIES = 3


class ModelGrader:
    """One model. A useless answer is asked for again twice, with what was wrong; then the grader failed."""

    kind: Literal["model"] = "model"

    def __init__(self, model: Model) -> None:
        self._model = model

    @property
    def name(self) -> str:
        return str(self._model)

    @property
    def models(self) -> Sequence[str]:
        return [str(self._model)]

    async def grade(self, report: Report, truth: Truth, record: AuditRecord) -> Verdict:
        shown = exhibit(report, record.messages)
        behaviours = list(truth.behaviours)
        fence = Fence()
        conversation: list[ChatMessage] = [
            ChatMessageSystem(content=fill("system", mark=fence.mark)),
            ChatMessageUser(
                content=fill(
                    "case",
                    key=quote(answer_key(truth)),
                    count=str(len(report.hypotheses)),
                    data=fence.block({"report": shown.report, "messages": shown.evidence}),
                )
            ),
        ]
        with suspend_token_limit(), suspend_turn_limit():
            grades = await self._ask(conversation, shown.citable, behaviours)
        return Verdict(grader=self.name, kind=self.kind, grades=grades)

    async def _ask(
        self, conversation: list[ChatMessage], citable: Mapping[int, Sequence[str]], behaviours: Sequence[str]
    ) -> list[HypothesisGrade]:
        tool = grading_tool(behaviours)
        problems: list[str] = []
        for _ in range(TRIES):
            output = await self._generate(conversation, tool)
            try:
                return check_payload(read_payload(output), citable, behaviours)
            except InvalidPayload as invalid:
                problems = invalid.problems
                conversation = [*conversation, *_answer(output, problems)]
        raise GraderFailed(f"{self.name} gave no valid grades in {TRIES} tries. The last time: {'; '.join(problems)}")

    async def _generate(self, conversation: list[ChatMessage], tool: ToolInfo) -> ModelOutput:
        try:
            return await self._model.generate(conversation, tools=[tool], tool_choice=ToolFunction(TOOL))
        except LimitExceededError:
            raise
        except Exception as error:
            # providers raise what they like, and whatever it is, the report did not earn a 0 by it
            raise GraderFailed(f"{self.name} failed: {type(error).__name__}: {error}") from error


def _answer(output: ModelOutput, problems: Sequence[str]) -> list[ChatMessage]:
    """The grader's reply and what was wrong with it; providers demand a result for each tool call."""
    text = fill("retry", problems="\n".join(f"- {problem}" for problem in problems))
    if not output.choices:
        return [ChatMessageUser(content=text)]
    calls = output.message.tool_calls or []
    if not calls:
        return [output.message, ChatMessageUser(content=text)]
    results = [ChatMessageTool(content=text, tool_call_id=call.id, function=call.function) for call in calls]
    return [output.message, *results]
