"""From a pile of audits to everything that a page, a leaderboard or a comparison shows."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from cordelia.scoreboard.group import group_of
from cordelia.scoreboard.models import Agreement, Board
from cordelia.scoreboard.terms import GROUP
from cordelia.scoreboard.truths import by_truth, note

if TYPE_CHECKING:
    from cordelia.scoreboard.reading import Reading

MADE_WITH = {
    "cordelia": "cordelia",
    "commit": "commit",
    "inspect_ai": "inspect_ai",
    "auditor_name": "auditors of sweeps",
    "auditor_model": "auditor models",
    "generate": "models' settings",
    "model_args": "models' arguments",
    "model_roles": "other models",
    "grader": "graders",
    "threshold": "a hit from grade",
    "backend": "targets",
    "backend_args": "targets' arguments",
    "sweep": "sweeps",
    "content_sha256": "prompts and sets",
    "truth_sha256": "truths",
}
"""Columns that tell where figures come from, and what they are called."""
_HASH = 64
_SHOWN = 12


def board(reading: "Reading", labels: Sequence[Agreement] = ()) -> Board:
    """The board of what was read: a group for each testbed, version and split, in their order; nothing is pooled.

    Audits of one version that were graded by two truths are two groups.

    Args:
        reading: what was read.
        labels: how far graders agree with labelled reports; told in the groups that they graded.
    """
    audits, before = by_truth(reading.audits)
    groups = []
    for key, frame in sorted(audits.partition_by(GROUP, as_dict=True).items(), key=lambda each: str(each[0])):
        testbed, version, split = map(str, key)
        was = (testbed, before.get(version, version), split)
        checks, regraded = (_within(each, was, version) for each in (reading.tool_checks, reading.regraded))
        group = group_of(frame, checks, _of_truths(regraded, frame) if version in before else regraded)
        if version in before:
            group = group.model_copy(update={"notes": [note(before[version]), *group.notes]})
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


def _within(frame: pl.DataFrame, key: tuple[str, str, str], version: str) -> pl.DataFrame:
    """The rows of a group, under the version that the group is told by."""
    found = frame.filter(pl.all_horizontal(pl.col(name) == value for name, value in zip(GROUP, key, strict=True)))
    return found.with_columns(testbed_version=pl.lit(version, pl.String))


def _of_truths(regraded: pl.DataFrame, audits: pl.DataFrame) -> pl.DataFrame:
    """Other gradings by the same truth: by another one, graders would disagree about what is right."""
    return regraded.filter(pl.col("truth_sha256").is_in(audits["truth_sha256"].unique().to_list()))


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
    told = sorted({str(value) for value in values.unique() if value not in (None, "", "{}")})
    return ", ".join(value[:_SHOWN] if len(value) == _HASH else value for value in told)
