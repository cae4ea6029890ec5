"""What of a log is read for a table: its header, and each sample's summary, or the sample where that says too little.

inspect does the reading, so a log may be wherever inspect can read it, in either of its formats, finished or not. A log
that cannot be read is told with what reading it raised: logs come from anywhere, and nothing is known of what is wrong
with them.
"""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from inspect_ai.log import (
    EvalLog,
    EvalSampleSummary,
    read_eval_log_async,
    read_eval_log_sample_async,
    read_eval_log_sample_summaries_async,
)

from cordelia.scoreboard.facts import Sampled, blames_auditor, lacks_facts
from cordelia.scoreboard.rows import is_audit

CHECK_MARK = "tool_check"
"""Key of the task metadata of every tool check: its testbed."""

BULK = {"events", "events_data", "attachments", "timelines"}
"""Fields of a sample that are most of it and that no row needs, unless it has lost its store."""

AT_ONCE = 16
"""Logs that are read together: what is elsewhere is mostly waited for."""


@dataclass(frozen=True)
class Parts:
    """A log's header, and its samples when they are of an audit or a tool check."""

    log: EvalLog
    samples: list[Sampled] = field(default_factory=list)

    @property
    def is_check(self) -> bool:
        return is_check(self.log)


def is_check(log: EvalLog) -> bool:
    """Whether a log is of a tool check."""
    return CHECK_MARK in (log.eval.metadata or {})


async def read_parts(file: str) -> Parts:
    """The parts of one log. Raises whatever inspect raises for a file that is no log."""
    if file.endswith(".json"):
        whole = await read_eval_log_async(file)
        return Parts(whole, list(whole.samples or []) if _is_ours(whole) else [])
    log = await read_eval_log_async(file, header_only=True)
    if not _is_ours(log):
        return Parts(log)
    return Parts(log, [await _enough(file, summary) for summary in await read_eval_log_sample_summaries_async(file)])


def read_all(files: Sequence[str]) -> Iterator[tuple[str, Parts | Exception]]:
    """The parts of many logs in their order, or in place of a log's parts what reading it raised.

    `AT_ONCE` logs are read together and held at a time, whatever their number.
    """
    with ThreadPoolExecutor(1, "cordelia-logs") as thread:  # the caller's may have an event loop that runs
        for start in range(0, len(files), AT_ONCE):
            batch = files[start : start + AT_ONCE]
            for file, found in zip(batch, thread.submit(asyncio.run, _together(batch)).result(), strict=True):
                if isinstance(found, BaseException) and not isinstance(found, Exception):
                    raise found
                yield file, found


async def _together(files: Sequence[str]) -> list[Parts | BaseException]:
    return await asyncio.gather(*map(read_parts, files), return_exceptions=True)


def _is_ours(log: EvalLog) -> bool:
    return is_audit(log) or is_check(log)


async def _enough(file: str, summary: EvalSampleSummary) -> Sampled:
    """The summary, or the sample itself where the summary lacks facts: in logs of older versions, or why it broke."""
    if not blames_auditor(summary) and not lacks_facts(summary):
        return summary
    sample = await read_eval_log_sample_async(file, summary.id, summary.epoch, exclude_fields=BULK)
    # what inspect rebuilt after a crash has its store in its events alone
    return sample if sample.store else await read_eval_log_sample_async(file, summary.id, summary.epoch)
