"""Logs to rows: one row a sample, whatever command made the log."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from zipfile import BadZipFile

from inspect_ai.log import EvalLog, EvalSample, read_eval_log
from inspect_ai.scorer import Score
from inspect_ai.util import store_from_events

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.scored import is_score_of, newest_of
from cordelia.scoreboard.facts import Facts, Sampled, facts_of
from cordelia.scoreboard.made import Made, grader_of, made, threshold_of

TASK_MARK = "cordelia"
"""Key of the task metadata that every Cordelia audit carries; other tasks' logs have none."""

OURS = ("verdict", "quality", "cost")
"""The scorers whose numbers keep their names, whatever else scored the sample."""

TRUTH_HASH = "truth_sha256"


@dataclass(frozen=True)
class Row:
    """One audited sample.

    Attributes:
        control: whether the organism is one, as the scores say; False where no score could be made.
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
    """The rows of an audit's samples, each whole or as the log's summary of it, by epoch and organism."""
    sampled, header = sorted(samples, key=lambda each: (each.epoch, str(each.id))), made(log, location)
    graders = (grader for sample in sampled if (grader := grader_of(sample)) is not None)
    grader = next(graders, header.grader)
    return [_row(sample, header, grader) for sample in sampled]


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


def _row(sample: Sampled, header: Made, grader: str) -> Row:
    scores, facts = sample.scores or {}, facts_of(sample)
    ended, verdict = newest_of(scores, "outcome"), newest_of(scores, "verdict")
    broke = _error(sample)
    return Row(
        testbed=header.testbed,
        testbed_version=header.testbed_version,
        organism=str(sample.id),
        split=str(sample.metadata.get("split", "")),
        control=told(scores, "control") is True,
        epoch=sample.epoch,
        auditor=(facts.auditor or header.solver).rpartition("/")[2],
        outcome=str(ended.value) if ended is not None else "error" if broke else "",
        answer=(verdict.answer if verdict is not None else None) or "",
        values=values_of(scores),
        reason=str((ended.metadata or {}).get("reason") or "") if ended is not None else broke,
        sample_uuid=sample.uuid or "",
        grader=grader_of(sample) or grader,
        threshold=threshold_of(sample, header.threshold),
        truth_sha256=str(told(scores, TRUTH_HASH) or ""),
        facts=facts,
        made=header,
    )


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
