"""From a pile of audits to everything that a page, a leaderboard or a comparison shows."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from cordelia.scoreboard.group import group_of
from cordelia.scoreboard.models import Agreement, Board
from cordelia.scoreboard.terms import GROUP

if TYPE_CHECKING:
    from cordelia.scoreboard.reading import Reading

MADE_WITH = {
    "cordelia": "cordelia",
    "commit": "commit",
    "inspect_ai": "inspect_ai",
    "auditor_model": "auditor models",
    "grader": "graders",
    "threshold": "a hit from grade",
    "backend": "targets",
    "sweep": "sweeps",
    "content_sha256": "prompts and sets",
    "truth_sha256": "truths",
}
"""Columns that tell where figures come from, and what they are called."""
_HASH = 64
_SHOWN = 12


def board(reading: "Reading", labels: Sequence[Agreement] = ()) -> Board:
    """The board of what was read: a group for each testbed, version and split, in their order; nothing is pooled.

    Args:
        reading: what was read.
        labels: how far graders agree with labelled reports; told in the groups that they graded.
    """
    audits = reading.audits
    groups = []
    for key, frame in sorted(audits.partition_by(GROUP, as_dict=True).items(), key=lambda each: str(each[0])):
        checks, regraded = (_within(each, key) for each in (reading.tool_checks, reading.regraded))
        group = group_of(frame, checks, regraded)
        graders = {*frame["grader"], *regraded["grader"]}
        against = [each for each in labels if each.first in graders]
        groups.append(group.model_copy(update={"agreement": [*group.agreement, *against]}))
    return Board(
        groups=groups,
        provenance=provenance_of(audits),
        passed_over=reading.passed_over,
        damaged=reading.damaged,
        unfinished=reading.unfinished,
    )


def _within(frame: pl.DataFrame, key: tuple[object, ...]) -> pl.DataFrame:
    return frame.filter(pl.all_horizontal(pl.col(name) == value for name, value in zip(GROUP, key, strict=True)))


def provenance_of(audits: pl.DataFrame) -> dict[str, str]:
    """What audits were made with, by name; what differs between them stands side by side, hashes by their beginning."""
    if audits.is_empty():
        return {}
    found = {title: _alike(audits[column]) for column, title in MADE_WITH.items()}
    times = sorted(time for time in audits["created"] if isinstance(time, datetime))
    begun = [f"{time:%Y-%m-%d %H:%M} UTC" for time in (*times[:1], *times[-1:])]
    found |= {"logs": str(audits["log"].n_unique()), "begun": " to ".join(dict.fromkeys(begun))}
    return {title: told for title, told in found.items() if told}


def _alike(values: pl.Series) -> str:
    told = sorted({str(value) for value in values.unique() if value is not None and value != ""})
    return ", ".join(value[:_SHOWN] if len(value) == _HASH else value for value in told)
