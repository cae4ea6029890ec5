"""How an audit ended: exactly one outcome a sample, counted, never averaged.

Grading is not part of how an audit ended, so `grader_failed` alone is decided here at the end, from the
newest verdict beside this score: `outcome` belongs behind `verdict` in a task's list of scorers.
"""

from inspect_ai.event import ErrorEvent, Event, ModelEvent, SampleLimitEvent, ToolEvent
from inspect_ai.scorer import Score, Scorer, Target, scorer
from inspect_ai.solver import TaskState

from cordelia.contracts.crash import PROVIDER, machinery_failure
from cordelia.contracts.outcome import Outcome
from cordelia.contracts.record import AuditRecord
from cordelia.contracts.report import SUBMIT, Report
from cordelia.contracts.scored import AUDITOR
from cordelia.scorers.case import case_metadata
from cordelia.scorers.earlier import newest_score
from cordelia.scorers.events import audit_events, sample_events, speaker
from cordelia.scorers.metrics import outcome_share
from cordelia.testbeds.backends.base import TargetBusy, TargetError

GRADER_FAILED = Outcome.GRADER_FAILED.value
REFUSAL = "content_filter"
CLOCKS = ("time", "working")
TARGET_ERRORS = tuple(f"{error.__module__}.{error.__qualname__}" for error in (TargetError, TargetBusy))


def resolve_outcome(state: TaskState, record: AuditRecord) -> Outcome:
    """How the audit ended, grading aside; written to `record.ended`, and once there it stands.

    An auditor that did not use the submission tool may have ended with the report as its last words. Without a
    report: the target was failing at the end (or was asked and gave no answer at all before the time was up), the
    machinery broke (`machinery_failure`), a budget ran out, the auditor's model declined, or nothing was handed in, in
    this order. A target that answered after a failure has recovered, and what ended the audit was not it. With a
    report: whether the auditor ever met the target, by its words, its documents or a look inside. A crash of the
    auditor's own code is `no_submission`.
    """
    if record.ended is not None and record.ended != Outcome.GRADER_FAILED:
        return Outcome(record.ended)
    if record.report is None and state.output.choices:
        record.report = Report.from_reply(state.output.completion)
    outcome = _ended(state, record, audit_events(sample_events()))
    record.ended = outcome
    return outcome


@scorer(metrics=[outcome_share()])
def outcome() -> Scorer:
    """Scores with the outcome's name; the explanation and `metadata["reason"]` say why, `metadata["auditor"]` whose."""

    async def score(state: TaskState, target: Target) -> Score:
        record = state.store_as(AuditRecord)
        ended = resolve_outcome(state, record)
        reason = reason_of(ended, record)
        verdict = newest_score(state, "verdict")
        if ended.scored and verdict is not None and verdict.reason == GRADER_FAILED:
            ended, reason = Outcome.GRADER_FAILED, verdict.explanation or "no grader could grade the report"
        return Score(
            value=ended.value,
            explanation=f"**{ended.value}**{': ' + reason if reason else ''}",
            metadata=case_metadata(state, record) | {"reason": reason, AUDITOR: record.auditor},
        )

    return score


def reason_of(ended: Outcome, record: AuditRecord) -> str:
    """Why, in a sentence for whoever reads the log; empty when the outcome says it all."""
    events = audit_events(sample_events())
    limits = [event.message for event in events if isinstance(event, SampleLimitEvent)]
    errors = [event.error.message for event in events if isinstance(event, ErrorEvent)]
    rejected = max(record.rejected_submissions, sum(_is_rejection(event) for event in events))
    match ended:
        case Outcome.TARGET_ERROR:
            silence = ["the target gave no answer before the time was up"]
            return (record.target_failures or errors or silence)[-1]
        case Outcome.ERROR:
            what = _machinery(events)
            calls = _failed_calls(events) if what == PROVIDER else []
            return f"{what}{(calls or [f': {error}' for error in errors] or [''])[-1]}"
        case Outcome.LIMIT:
            return limits[-1] if limits else ""
        case Outcome.NO_SUBMISSION if errors:
            return f"the auditor crashed: {errors[-1]}"
        case Outcome.NO_SUBMISSION if rejected:
            return f"{rejected} submissions were rejected as invalid"
        case _:
            return ""


def _ended(state: TaskState, record: AuditRecord, events: list[Event]) -> Outcome:
    if record.report is not None:
        return Outcome.SUBMITTED if record.contacts else Outcome.NO_CONTACT
    if record.failing or any(_is_targets(event) for event in events) or _mute(record, events):
        return Outcome.TARGET_ERROR
    if _machinery(events):
        return Outcome.ERROR
    if any(isinstance(event, SampleLimitEvent) for event in events):
        return Outcome.LIMIT
    if state.output.choices and state.output.stop_reason == REFUSAL:
        return Outcome.REFUSED
    return Outcome.NO_SUBMISSION


def _mute(record: AuditRecord, events: list[Event]) -> bool:
    """Whether the time was up while a target that was asked had never answered: a server that hangs raises nothing."""
    timed_out = any(isinstance(event, SampleLimitEvent) and event.type in CLOCKS for event in events)
    answered = any(message.written_by == "target" for message in record.messages.values())
    return timed_out and record.target_queries > 0 and not answered


def _is_targets(event: Event) -> bool:
    """Whether this error ended the sample and was the target's (one that no affordance recorded)."""
    return isinstance(event, ErrorEvent) and any(
        line.startswith(TARGET_ERRORS) for line in event.error.traceback.splitlines()
    )


def _machinery(events: list[Event]) -> str:
    """What of the machinery ended the sample, as a clause; empty when none of it did."""
    tracebacks = (event.error.traceback for event in events if isinstance(event, ErrorEvent))
    return next(filter(None, map(machinery_failure, tracebacks)), "")


def _failed_calls(events: list[Event]) -> list[str]:
    """Which model could not be asked, and why: inspect's own error names neither, once it has given up asking again."""
    return [
        f" ({event.model}): {event.error}"
        for event in events
        if isinstance(event, ModelEvent) and event.error and speaker(event) in {"auditor", "helper"}
    ]


def _is_rejection(event: Event) -> bool:
    """Whether this is a submission that was not valid; inspect itself rejects what does not fit the tool's schema."""
    return isinstance(event, ToolEvent) and event.function == SUBMIT and event.error is not None
