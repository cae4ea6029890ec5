"""Any pile of logs as tidy tables: a row a sample of an audit, and a row a sample of a tool check.

Logs of other tasks are passed over, damaged ones are named, and none of them ends the reading. A sample counts once: a
task that was retried leaves a log of each try, and a rescored log stands beside the first one. Of these the newest
counts, and other gradings of it stand in a table of their own. An audit that was planned and that no try of its task
has run is a row as well, `not_run`: what was stopped does not leave the denominator.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import polars as pl

from cordelia.contracts.errors import printable
from cordelia.scoreboard.cache import Kept, recall, remember
from cordelia.scoreboard.checks import check_rows
from cordelia.scoreboard.columns import AUDITS, COSTS, MONEY, QUALITIES, SUCCESSES, TOOL_CHECKS, empty_audits
from cordelia.scoreboard.endings import ERROR, NOT_RUN
from cordelia.scoreboard.models import Skipped
from cordelia.scoreboard.parts import Parts, read_all
from cordelia.scoreboard.rows import Row, audit_rows, is_audit
from cordelia.scoreboard.sources import Source, find_logs, when_written

AT_A_TIME = 50
"""Logs after which what was read is kept, so that a run that is killed has not read in vain."""

MOST_SAID = 300
"""Characters of somebody else's error message."""

UNKNOWN = "unknown"
"""The split of an organism of which no log says it."""

Progress = Callable[[int, int], None]
TRIES = {"task_id": pl.String(), "created": pl.Datetime("us", "UTC")}
CHECKS_KEPT = {**TRIES, **TOOL_CHECKS}


@dataclass(frozen=True)
class Reading:
    """What a pile of logs holds.

    Attributes:
        audits: one row a sample, and one an audit that was not run, by `columns.AUDITS`.
        tool_checks: one row a sample, by `columns.TOOL_CHECKS`.
        passed_over: logs of other tasks, without a finished sample, or whose every sample is in a newer log.
        damaged: files that inspect cannot read.
        unfinished: tasks of which not every planned audit was run; those audits are `not_run` in `audits`.
        regraded: further gradings, by other graders or thresholds, of samples in `audits`; the same columns.
    """

    audits: pl.DataFrame
    tool_checks: pl.DataFrame
    passed_over: list[Skipped] = field(default_factory=list)
    damaged: list[Skipped] = field(default_factory=list)
    unfinished: list[Skipped] = field(default_factory=list)
    regraded: pl.DataFrame = field(default_factory=empty_audits)


def read_frame(places: Sequence[str | Path], *, cache: Path | None = None, progress: Progress | None = None) -> Reading:
    """Read every log in `places`: log files and folders, local or at any address that inspect reads.

    Args:
        places: what to read. Of two gradings of one sample, the one that was written last counts.
        cache: a file that keeps what was read (`default_cache()` is the user's); None reads everything anew.
        progress: called with (logs done, logs in all) after each log.

    Raises:
        CordeliaError: one of the places does not exist.
    """
    sources = find_logs(places)
    kept = recall(cache, sources) if cache is not None else {}
    damaged: list[Skipped] = []
    done = len(kept)
    if progress is not None:
        progress(done, len(sources))
    for batch in _batches([source for source in sources if source.address not in kept]):
        fresh: list[tuple[Source, Kept]] = []
        for source, (file, parts) in zip(batch, read_all([each.address for each in batch]), strict=True):
            if isinstance(parts, Exception):
                damaged.append(Skipped(file=file, why=_said(parts)))
            else:
                fresh.append((source, keep(parts, file)))
            done += 1
            if progress is not None:
                progress(done, len(sources))
        kept |= {source.address: each for source, each in fresh}
        if cache is not None:
            remember(cache, fresh)
    return _together([(source, kept[source.address]) for source in sources if source.address in kept], damaged)


def keep(parts: Parts, file: str) -> Kept:
    """The rows of one log, as they are cached."""
    if is_audit(parts.log):
        records = [record_of(row) for row in audit_rows(parts.log, parts.samples, file)]
        return Kept("audit", "" if records else _empty(parts), _bytes(records, AUDITS))
    if parts.is_check:
        return Kept("check", _empty(parts), _bytes(check_rows(parts, file), CHECKS_KEPT))
    return Kept("other", f"of the task '{parts.log.eval.task}', which is no audit", b"")


def _together(kept: Sequence[tuple[Source, Kept]], damaged: list[Skipped]) -> Reading:
    passed_over = [Skipped(file=source.address, why=each.why) for source, each in kept if not each.rows]
    in_order = sorted(kept, key=lambda pair: when_written(pair[0]))
    audits = _known(_table((each for _, each in in_order if each.kind == "audit"), AUDITS))
    checks = _table((each for _, each in in_order if each.kind == "check"), CHECKS_KEPT)
    counted, others = _counted(audits)
    passed_over += _unseen(audits, counted)
    checks = checks.sort("created", maintain_order=True).unique(
        ["task_id", "organism", "affordance", "epoch"], keep="last", maintain_order=True
    )
    return Reading(
        counted, checks.select(list(TOOL_CHECKS)), passed_over, damaged, list(_unfinished(counted)), regraded=others
    )


def _known(audits: pl.DataFrame) -> pl.DataFrame:
    """What some audits of an organism say of it holds for those that were too broken to say it."""
    organism = ["testbed", "testbed_version", "organism"]
    said = pl.when(pl.col("split") != "").then(pl.col("split"))
    return audits.with_columns(
        pl.coalesce(said, said.drop_nulls().first().over(organism), pl.lit(UNKNOWN)).alias("split"),
        pl.col("control").any().over(organism),
    )


def _unseen(audits: pl.DataFrame, counted: pl.DataFrame) -> Iterator[Skipped]:
    """The logs that no row is counted from."""
    ran = pl.col("outcome") != NOT_RUN
    logs = audits.group_by("log").agg(ran.any().alias("ran")).join(counted, on="log", how="anti").sort("log")
    for log, some in logs.iter_rows():
        yield Skipped(file=log, why=f"each of its audits is counted from {'a newer' if some else 'another'} log")


def _unfinished(counted: pl.DataFrame) -> Iterator[Skipped]:
    tasks = counted.group_by("task_id", maintain_order=True).agg(
        pl.last("log"), pl.max("planned"), (pl.col("outcome") != NOT_RUN).sum().alias("run")
    )
    for each in tasks.filter(pl.col("run") < pl.col("planned")).iter_rows(named=True):
        yield Skipped(
            file=each["log"], why=f"{each['planned'] - each['run']} of {each['planned']} planned audits have not run"
        )


def _counted(audits: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The newest row of each sample, in the order of its evals; and the same samples' rows by another grading.

    A row that says that an audit was not run counts only where no log of the task has run it.
    """
    sample, grading = ["task_id", "organism", "epoch"], ["grader", "threshold", "truth_sha256"]
    ordered = audits.sort("created", maintain_order=True)
    ran_last = ordered.sort(pl.col("outcome") != NOT_RUN, maintain_order=True)
    newest = ran_last.unique(sample, keep="last", maintain_order=True).sort(
        "created", pl.col("outcome") == NOT_RUN, maintain_order=True
    )
    each = ordered.filter(pl.col("sample_uuid") != "").unique(
        ["sample_uuid", *grading], keep="last", maintain_order=True
    )
    others = each.join(newest, on=["sample_uuid", *grading], how="anti")
    return newest, others.join(newest, on="sample_uuid", how="semi", maintain_order="left")


def _table(kept: Iterable[Kept], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    tables = [pl.read_ipc(BytesIO(each.rows)) for each in kept if each.rows]
    return pl.concat([pl.DataFrame(schema=schema), *tables], rechunk=True)


def _bytes(rows: list[dict[str, object]], schema: dict[str, pl.DataType]) -> bytes:
    if not rows:
        return b""
    buffer = BytesIO()
    pl.DataFrame(rows, schema=schema, orient="row").write_ipc(buffer)
    return buffer.getvalue()


def record_of(row: Row) -> dict[str, object]:
    """A row by the frame's columns; every row of a log has a header's facts."""
    header = vars(row.made) if row.made is not None else {}
    own = {name: value for name, value in vars(row).items() if name in AUDITS}
    return {
        **{name: value for name, value in header.items() if name in AUDITS},
        **own,
        "outcome": row.outcome or ERROR,
        "answer": row.answer,
        **{name: row.values.get(name) for name in (*SUCCESSES, *QUALITIES, *COSTS)},
        "confidences": row.facts.confidences,
        "hits": row.facts.hits,
        MONEY: row.facts.money,
        "tool_calls": [{"tool": tool, "calls": use.calls, "first": use.first} for tool, use in row.facts.tools.items()],
    }


def _empty(parts: Parts) -> str:
    """Why a log of ours has no rows; empty where it has some."""
    if parts.samples:
        return ""
    return "no sample of it is finished yet" if parts.log.status == "started" else "there is no sample in it"


def _said(error: Exception) -> str:
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return f"inspect cannot read it ({printable(words, MOST_SAID)})"


def _batches(sources: Sequence[Source]) -> Iterator[Sequence[Source]]:
    return (sources[start : start + AT_A_TIME] for start in range(0, len(sources), AT_A_TIME))
