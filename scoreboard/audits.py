"""The audits of a file or a folder, as rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.log import EvalLog

from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.endings import NOT_RUN
from cordelia.scoreboard.made import begun
from cordelia.scoreboard.parts import read_all
from cordelia.scoreboard.rows import Row, audit_rows, is_audit
from cordelia.scoreboard.sources import find_logs, when_written


@dataclass(frozen=True)
class AuditLog:
    """One audit's log: its header, and a row a sample."""

    log: EvalLog
    rows: list[Row]


def read_audits(path: str | Path) -> list[AuditLog]:
    """The audit logs of a file or a folder, the oldest first, and of those that began together the first written.

    Raises:
        CordeliaError: there is nothing there, or something that is no log.
    """
    found: list[AuditLog] = []
    for file, parts in read_all([source.address for source in sorted(find_logs([path]), key=when_written)]):
        if isinstance(parts, Exception):
            raise CordeliaError(f"{file} is not a log that inspect can read: {parts}") from parts
        if is_audit(parts.log):
            found.append(AuditLog(parts.log, audit_rows(parts.log, parts.samples, file)))
    return sorted(found, key=lambda audit: begun(audit.log))


def read_rows(path: str | Path) -> list[Row]:
    """The rows of a log file, or of all audit logs in a folder; see `rows_of_all`."""
    return rows_of_all(read_audits(path))


def rows_of_all(audits: Iterable[AuditLog]) -> list[Row]:
    """The rows of audit logs, the oldest first, as `reading` counts them.

    A task that was retried left a log of each try, and the later ones took over what the earlier ones had finished; a
    rescored log began when the first one did and was written later. Of each sample only the newest counts. An audit
    that no try has run is a row that says so.
    """
    rows: dict[tuple[str, str, int], Row] = {}
    for audit in audits:
        for row in audit.rows:
            key = (audit.log.eval.task_id, row.organism, row.epoch)
            if key not in rows or row.outcome != NOT_RUN:
                rows[key] = row
    return list(rows.values())
