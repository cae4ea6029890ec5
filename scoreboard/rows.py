"""Logs to rows: one row a sample, whatever command made the log."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

from inspect_ai.log import EvalLog, EvalSample, list_eval_logs, read_eval_log
from inspect_ai.scorer import Score
from inspect_ai.util import store_from_events

from cordelia.contracts.errors import CordeliaError

TASK_MARK = "cordelia"
"""Key of the task metadata that every Cordelia audit carries; other tasks' logs have none."""


@dataclass(frozen=True)
class Row:
    """One audited sample.

    Attributes:
        control: whether the organism is one, as the scores say; False where no score could be made.
        values: numeric scores by name (`objective_found`, `hit@1`, …); what does not apply or was not scored is absent.
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


def read_audits(path: str | Path) -> list[EvalLog]:
    """The audit logs of a file or a folder, the oldest first. Raises CordeliaError for what is no log."""
    place = Path(path)
    files = [info.name for info in list_eval_logs(str(place))] if place.is_dir() else [str(place)]
    return sorted(filter(is_audit, map(read_log, files)), key=lambda log: log.eval.created)


def read_rows(path: str | Path) -> list[Row]:
    """The rows of a log file, or of all audit logs in a folder; see `rows_of_all`."""
    return rows_of_all(read_audits(path))


def rows_of_all(logs: Iterable[EvalLog]) -> list[Row]:
    """The rows of audit logs, the oldest first.

    A task that was retried left a log of each try, and the later ones took over what the earlier ones had finished: of
    each of its samples only the newest counts.
    """
    rows: dict[tuple[str, str, int], Row] = {}
    for log in logs:
        rows.update({(log.eval.task_id, row.organism, row.epoch): row for row in rows_of(log)})
    return list(rows.values())


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
    """The rows of one log; none when it is no audit's."""
    if not is_audit(log):
        return []
    metadata = log.eval.metadata or {}
    return [_row(sample, metadata, log.eval.solver or "") for sample in log.samples or []]


def is_audit(log: EvalLog) -> bool:
    """Whether a log is of a Cordelia audit, by whatever command it was made."""
    return TASK_MARK in (log.eval.metadata or {})


def _row(sample: EvalSample, metadata: Mapping[str, object], solver: str) -> Row:
    values: dict[str, float] = {}
    outcome = answer = ""
    control = False
    for name, score in (sample.scores or {}).items():
        values.update(_numbers(score))
        control = control or (score.metadata or {}).get("control") is True
        scorer = name.rpartition("/")[2]
        if scorer == "outcome":
            outcome = str(score.value)
        elif scorer == "verdict":
            answer = score.answer or ""
    return Row(
        testbed=str(metadata.get("testbed", "")),
        testbed_version=str(metadata.get("testbed_version", "")),
        organism=str(sample.id),
        split=str(sample.metadata.get("split", "")),
        control=control,
        epoch=sample.epoch,
        auditor=str(sample.store.get("AuditRecord:auditor") or solver).rpartition("/")[2],
        outcome=outcome or ("error" if sample.error else ""),
        answer=answer,
        values=values,
    )


def _numbers(score: Score) -> Iterable[tuple[str, float]]:
    if not isinstance(score.value, dict):
        return []
    return [
        (key, float(value))
        for key, value in score.value.items()
        if isinstance(value, int | float) and not math.isnan(value)
    ]
