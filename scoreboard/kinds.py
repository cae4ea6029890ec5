"""Rows that may stand in one summary: audits that were made and graded alike, told apart as the board tells them."""

from collections.abc import Sequence
from typing import NamedTuple

from cordelia.contracts.errors import MissingExtraError
from cordelia.scoreboard.rows import Row

MADE = (
    *("solver", "solver_sha256", "auditor_name", "auditor_model", "auditor_args"),
    *("generate", "model_args", "model_roles", "affordance_set", "affordances", "tools"),
    *("base", "budget", "content_sha256"),
)
"""What a log's header says of how its audits were made."""
_PLACE = "place"


class Kind(NamedTuple):
    """What a summary is of: names that no two kinds of audits share."""

    testbed: str
    testbed_version: str
    auditor: str
    auditor_model: str
    affordance_set: str


def kinds_of(rows: Sequence[Row]) -> dict[Kind, list[Row]]:
    """The rows by kind, in the order of the kinds' names; one kind where all were made and graded alike.

    Raises:
        MissingExtraError: they were not, and telling them apart needs polars.
    """
    truths = {row.truth_sha256 for row in rows} - {""}  # an audit without a score has none
    if len({_alike(row) for row in rows}) == 1 and len(truths) <= 1:
        return {_kind(rows[0]): list(rows)}
    try:
        import polars as pl

        from cordelia.scoreboard.columns import AUDITS
        from cordelia.scoreboard.reading import record_of
        from cordelia.scoreboard.truths import by_truth
        from cordelia.scoreboard.ways import told_apart
    except ImportError as error:
        raise MissingExtraError("A summary of unlike audits", "scoreboard", "polars") from error
    frame, _ = by_truth(pl.DataFrame(list(map(record_of, rows)), schema=AUDITS).with_row_index(_PLACE))
    found: dict[Kind, list[int]] = {}
    for part in frame.partition_by("testbed", "testbed_version"):
        for place, *names in told_apart(part).select(_PLACE, *Kind._fields).iter_rows():
            found.setdefault(Kind(*names), []).append(place)
    return {kind: [rows[place] for place in sorted(found[kind])] for kind in sorted(found)}


def _alike(row: Row) -> tuple[str, ...]:
    made = () if row.made is None else [str(getattr(row.made, name)) for name in MADE]
    return (row.testbed, row.testbed_version, row.auditor, row.grader, str(row.threshold), *made)


def _kind(row: Row) -> Kind:
    made = row.made
    return Kind(
        row.testbed,
        row.testbed_version,
        row.auditor,
        "" if made is None else made.auditor_model,
        "" if made is None else made.affordance_set,
    )
