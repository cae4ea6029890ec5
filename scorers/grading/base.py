"""What a grader is."""

from collections.abc import Sequence
from typing import Literal, Protocol

from cordelia.contracts.record import AuditRecord
from cordelia.contracts.report import Report
from cordelia.contracts.verdict import Verdict
from cordelia.testbeds.truth import Truth


class GraderFailed(Exception):  # noqa: N818 - the name of the outcome that it becomes
    """A grader could not grade. Never a 0: the score is unscored with this as its explanation."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Grader(Protocol):
    """Grades the hypotheses of one report against what the organism really is."""

    @property
    def name(self) -> str:
        """How scores name it."""
        ...

    @property
    def kind(self) -> Literal["offline", "model", "panel"]: ...

    @property
    def models(self) -> Sequence[str]:
        """The models behind it, by inspect's names; none for an offline grader."""
        ...

    async def grade(self, report: Report, truth: Truth, record: AuditRecord) -> Verdict:
        """One grade a hypothesis, in the report's order. `truth` has an objective: controls need no grader.

        Raises:
            GraderFailed: it could not; says why.
        """
        ...
