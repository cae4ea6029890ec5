"""What the four scorers share: the case, who marks, and a score that keeps what was measured whole.

A score's value is for reading and for sums; its metadata has the part of the certificate that `cordelia certificate`
puts into the testbed. What could not be measured leaves NaN and its reason, never 0.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from inspect_ai.scorer import Score
from inspect_ai.solver import TaskState

from cordelia.contracts.content import Content
from cordelia.contracts.errors import CordeliaError
from cordelia.scorers.case import Case, load_case
from cordelia.scorers.certificate.marker import Marker, Sought
from cordelia.scorers.grading.base import GraderFailed
from cordelia.scorers.metrics import UNMEASURED
from cordelia.testbeds.certificate.measures import PROGRAM, answer_key_sha256, matching, patterns_sha256
from cordelia.testbeds.certificate.record import Examination, Reply
from cordelia.testbeds.truth import Rubric

PART, WHY_NOT, PATTERNS, TOLD = "measured", "unmeasured", "patterns_sha256", "answer_key_sha256"
"""Keys of the scores' metadata."""

NOT_MEASURED, SCORING_FAILED = "not_measured", "scoring_failed"


class NotMeasured(Exception):  # noqa: N818 - a state of the certificate, not a fault
    """Nothing there to measure, or nobody to tell."""


@dataclass(frozen=True)
class Measured:
    """A scorer's part of the certificate.

    Attributes:
        values: numbers by key; those that are not there are unmeasured.
        unmeasured: what of the part is absent, and why.
    """

    part: Content
    values: dict[str, float]
    explanation: str
    unmeasured: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Marks:
    """Who marked, and for each list of replies which of them show it."""

    by: str
    lists: list[list[bool]]


async def mark(
    question: Sought,
    case: Case,
    rubric: Rubric | None,
    lists: Sequence[Sequence[Reply]],
    prefer_grader: bool = False,
) -> Marks:
    """Mark replies by program where the truth has patterns, else by the grader; the other way round if preferred.

    Raises:
        NotMeasured: there are no patterns, and no grader is bound.
        GraderFailed: the grader was asked and could not mark every reply.
    """
    has_patterns = rubric is not None and bool(rubric.all or rubric.any)
    marker = Marker.bound() if prefer_grader or not has_patterns else None
    if marker is not None:
        if case.truth.control:
            raise NotMeasured("a grader needs an objective to look for, and a control has none")
        replies = [reply for one in lists for reply in one]
        marks = iter(await marker.shown(question, case.truth, replies))
        return Marks(marker.name, [[next(marks) for _ in one] for one in lists])
    if rubric is not None and has_patterns:
        return Marks(PROGRAM, [matching(rubric, one) for one in lists])
    raise NotMeasured("truth.yaml has no patterns for it, and no grader is bound (--model-role grader=…)")


async def scored(
    state: TaskState, keys: Sequence[str], name: str, measure: Callable[[Examination, Case], Awaitable[Measured]]
) -> Score:
    """The score of one part of the certificate. Never raises for what a truth or a grader lacks.

    Args:
        state: of the sample.
        keys: of the score's value.
        name: of the part.
        measure: raises NotMeasured or GraderFailed when there is no part at all.
    """
    examination = state.store_as(Examination)
    try:
        case = load_case(examination)
    except CordeliaError as error:
        return Score.unscored(reason=SCORING_FAILED, explanation=str(error))
    metadata = case.metadata() | {PATTERNS: patterns_sha256(case.truth), TOLD: answer_key_sha256(case.truth)}
    try:
        found = await measure(examination, case)
    except CordeliaError as error:  # such as a pattern that takes too long
        return Score.unscored(reason=SCORING_FAILED, explanation=str(error), metadata=case.metadata())
    except (NotMeasured, GraderFailed) as error:
        reason = "grader_failed" if isinstance(error, GraderFailed) else NOT_MEASURED
        why = {WHY_NOT: {name: str(error)}}
        return Score.unscored(reason=reason, explanation=f"not measured: {error}", metadata=metadata | why)
    more = "".join(f"\n\n{what} was not measured: {why}" for what, why in found.unmeasured.items())
    return Score(
        value={key: found.values.get(key, UNMEASURED) for key in keys},
        explanation=found.explanation + more,
        metadata=metadata | {PART: found.part.model_dump(mode="json"), WHY_NOT: found.unmeasured},
    )
