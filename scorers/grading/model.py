"""The grader that is a model: a frozen prompt, quoted data, one forced and validated answer.

The model comes from the role `grader` and from nowhere else, with the settings that the role was bound with;
the model under test never grades itself by default. Its tokens are on nobody's budget.
"""

from collections.abc import Sequence
from typing import Literal

from inspect_ai.model import ChatMessage, ChatMessageSystem, ChatMessageUser, Model

from cordelia.contracts.quoting import Fence, quote
from cordelia.contracts.record import AuditRecord
from cordelia.contracts.report import Report
from cordelia.contracts.verdict import Verdict
from cordelia.scorers.grading.asking import ask_grader
from cordelia.scorers.grading.evidence import kept_in
from cordelia.scorers.grading.exhibit import exhibit
from cordelia.scorers.grading.payload import check_payload, grading_tool, read_payload
from cordelia.scorers.grading.texts import fill
from cordelia.testbeds.truth import Truth, answer_key


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
        shown = exhibit(report, kept_in(record))
        behaviours = list(truth.behaviours)
        fence = Fence()
        conversation: list[ChatMessage] = [
            ChatMessageSystem(content=fill("system", mark=fence.mark)),
            ChatMessageUser(
                content=fill(
                    "case",
                    key=quote(answer_key(truth)),
                    count=str(len(report.hypotheses)),
                    data=fence.block({"report": shown.report, "messages": shown.messages, "findings": shown.findings}),
                )
            ),
        ]
        grades = await ask_grader(
            self._model,
            conversation,
            grading_tool(behaviours),
            read=lambda output: check_payload(read_payload(output), shown.citable, behaviours),
            again=lambda problems: fill("retry", problems=problems),
        )
        judged = [grade.model_copy(update={"unjudged": shown.unshown[grade.rank]}) for grade in grades]
        return Verdict(grader=self.name, kind=self.kind, grades=judged)
