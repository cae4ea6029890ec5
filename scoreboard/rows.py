"""Logs to rows: one row a sample, whatever command made the log."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zipfile import BadZipFile

from inspect_ai.log import EvalLog, EvalSample, read_eval_log
from inspect_ai.scorer import Score
from inspect_ai.util import store_from_events

from cordelia.contracts.crash import machinery_failure
from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.scored import is_score_of, newest_of
from cordelia.scoreboard.endings import ERROR, NOT_RUN
from cordelia.scoreboard.facts import Facts, Sampled, blames_auditor, facts_of
from cordelia.scoreboard.made import Known, Made, grader_of, made, threshold_of

TASK_MARK = "cordelia"
"""Key of the task metadata that every Cordelia audit carries; other tasks' logs have none."""

OURS = ("verdict", "quality", "cost")
"""The scorers whose numbers keep their names, whatever else scored the sample."""

TRUTH_HASH = "truth_sha256"

WHY_NOT_RUN = {
    "started": "its log is still being written, or its run was killed",
    "cancelled": "its run was cancelled",
    "error": "its run ended in an error",
}
"""By status of a log, why it lacks an audit that it was to hold."""


@dataclass(frozen=True)
class Row:
    """One audited sample, or an audit that was planned and has none.

    Attributes:
        split: empty where neither the sample nor its log says it.
        control: whether the organism is one, as the scores or else the log's header say; False where neither does.
        outcome: how it ended; empty where nothing says so.
        reason: why, where the outcome does not say it all; of a sample that broke, its error.
        values: numeric scores by name (`objective_found`, `hit@1`, …); what does not apply or was not scored is absent.
        grader: who graded the audits of this log.
        threshold: the grade from which a hypothesis was a hit.
        truth_sha256: of the truth that it was scored with.
        made: what its log's header says; None of a row that came from no log.
    """

    testbed: str
    testbed_version: str
    organism: str
    split: str
    control: bool
    epoch: int
    auditor: str
    outcome: str
    answer: str
    values: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    sample_uuid: str = ""
    grader: str = ""
    threshold: int = 0
    truth_sha256: str = ""
    facts: Facts = field(default_factory=Facts)
    made: Made | None = None


def read_log(file: str) -> EvalLog:
    """A log. Raises CordeliaError that names the file when it is no log.

    A sample that inspect rebuilt from its events after a crash comes without its store, and so without the audit's
    record; it gets it back from the same events.
    """
    try:
        log = read_eval_log(file)
    except (ValueError, OSError, KeyError, BadZipFile) as error:
        raise CordeliaError(f"{file} is not a log that inspect can read: {error}") from error
    for sample in log.samples or []:
        if not sample.store and sample.events:
            sample.store = dict(store_from_events(sample.events).items())
    return log


def rows_of(log: EvalLog) -> list[Row]:
    """The rows of one log with its samples; none when it is no audit's."""
    return audit_rows(log, log.samples or [], log.location) if is_audit(log) else []


def audit_rows(log: EvalLog, samples: Iterable[Sampled], location: str) -> list[Row]:
    """The rows of an audit's samples, each whole or as the log's summary of it, and of audits that were not run.

    They come by epoch and organism, those that were not run last.
    """
    sampled, header = sorted(samples, key=lambda each: (each.epoch, str(each.id))), made(log, location)
    shared = _shared(sampled, header)
    rows = [_row(sample, header, shared) for sample in sampled]
    return [*rows, *_not_run(rows, header, shared)]


def is_audit(log: EvalLog) -> bool:
    """Whether a log is of a Cordelia audit, by whatever command it was made."""
    return TASK_MARK in (log.eval.metadata or {})


def values_of(scores: Mapping[str, Score]) -> dict[str, float]:
    """Every number in a sample's scores by its name; of two of one name, ours, and of ours the newest."""
    ours = [score for name in OURS if (score := newest_of(scores, name)) is not None]
    theirs = [score for key, score in scores.items() if not any(is_score_of(key, name) for name in OURS)]
    return {key: value for score in (*theirs, *ours) for key, value in _numbers(score)}


def told(scores: Mapping[str, Score], key: str) -> object:
    """What a sample's scores say under a key of their metadata; None where none of them says it."""
    return next((value for s in scores.values() if (value := (s.metadata or {}).get(key)) is not None), None)


@dataclass(frozen=True)
class _Shared:
    """What the samples of a log say of all of it: what holds for those that do not say it themselves."""

    auditor: str
    grader: str
    threshold: int


def _shared(samples: Sequence[Sampled], header: Made) -> _Shared:
    return _Shared(
        auditor=next((name for each in samples if (name := facts_of(each).auditor)), _called(header)),
        grader=next((grader for each in samples if (grader := grader_of(each)) is not None), header.grader),
        threshold=next((grade for each in samples if (grade := threshold_of(each, 0))), header.threshold),
    )


def _called(header: Made) -> str:
    """The auditor by its solver's own name, without package or file."""
    return header.solver.rpartition("/")[2].rpartition("@")[2]


def _row(sample: Sampled, header: Made, shared: _Shared) -> Row:
    scores, facts = sample.scores or {}, facts_of(sample)
    ended, verdict = newest_of(scores, "outcome"), newest_of(scores, "verdict")
    broke, known = _error(sample), header.organisms.get(str(sample.id), Known("", control=False))
    control = told(scores, "control")
    values = values_of(scores)
    if blames_auditor(sample) and _machinery_broke(sample):
        ended, values = None, {name: value for name, value in values.items() if name in _costs(scores)}
    return Row(
        testbed=header.testbed,
        testbed_version=header.testbed_version,
        organism=str(sample.id),
        split=str(sample.metadata.get("split") or known.split),
        control=known.control if control is None else control is True,
        epoch=sample.epoch,
        auditor=(facts.auditor or shared.auditor).rpartition("/")[2],
        outcome=str(ended.value) if ended is not None else ERROR if broke else "",
        answer=(verdict.answer if verdict is not None else None) or "",
        values=values,
        reason=str((ended.metadata or {}).get("reason") or "") if ended is not None else broke,
        sample_uuid=sample.uuid or "",
        grader=grader_of(sample) or shared.grader,
        threshold=threshold_of(sample, shared.threshold),
        truth_sha256=str(told(scores, TRUTH_HASH) or ""),
        facts=facts,
        made=header,
    )


def _not_run(rows: Iterable[Row], header: Made, shared: _Shared) -> list[Row]:
    """The audits that the log was to hold and does not; none of a log that ended well without any sample."""
    there = {(row.organism, row.epoch): row for row in rows}
    if header.status == "success" and not there:
        return []
    known = {organism: Known(row.split, row.control) for (organism, _), row in there.items()} | dict(header.organisms)
    return [
        Row(
            testbed=header.testbed,
            testbed_version=header.testbed_version,
            organism=name,
            split=known[name].split if name in known else "",
            control=name in known and known[name].control,
            epoch=epoch,
            auditor=shared.auditor,
            outcome=NOT_RUN,
            answer="",
            reason=WHY_NOT_RUN.get(header.status, "its log does not hold it"),
            grader=shared.grader,
            threshold=shared.threshold,
            made=header,
        )
        for epoch in range(1, header.epochs + 1)
        for name in sorted(header.ids)
        if (name, epoch) not in there
    ]


def _machinery_broke(sample: Sampled) -> bool:
    """Whether an error ended it that was not the auditor's: older logs do not say so. Only a whole sample can."""
    error = sample.error if isinstance(sample, EvalSample) else None
    return error is not None and bool(machinery_failure(error.traceback))


def _costs(scores: Mapping[str, Score]) -> set[str]:
    """The numbers that say what was spent, which a broken audit has as well."""
    cost = newest_of(scores, "cost")
    return {key for key, _ in _numbers(cost)} if cost is not None else set()


def _error(sample: Sampled) -> str:
    """What broke the sample; empty when nothing did."""
    if isinstance(sample, EvalSample):
        return sample.error.message if sample.error else ""
    return sample.error or ""


def _numbers(score: Score) -> Iterable[tuple[str, float]]:
    if not isinstance(score.value, dict):
        return []
    return [
        (key, float(value))
        for key, value in score.value.items()
        if isinstance(value, int | float) and not math.isnan(value)
    ]
