"""Readings for the board: audits of organisms and controls, some of them without a score."""

import polars as pl
from frame_toys import AUDIT, frame

from cordelia.scoreboard.columns import TOOL_CHECKS, empty_tool_checks
from cordelia.scoreboard.reading import Reading

Row = dict[str, object]


def audits(organism: str, found: list[float | None], control: bool = False, **told: object) -> list[Row]:
    """One audit for each value; None is an audit that a broken target left without a score."""
    return [
        {
            **AUDIT,
            "organism": organism,
            "control": control and value is not None,
            "epoch": epoch,
            "outcome": "target_error" if value is None else "submitted",
            "objective_found": None if control else value,
            "hit@1": None if control else value,
            "false_positive": value if control else None,
            "sample_uuid": f"{organism}-{epoch}-{sorted(told.items())}",
            "hits": [] if value is None else [value >= 0.5, True],
            "confidences": [] if value is None else [0.9, 0.2],
            "seconds": 10.0 * epoch,
            **told,
        }
        for epoch, value in enumerate(found, start=1)
    ]


def reading(rows: list[Row], checks: list[Row] | None = None, regraded: list[Row] | None = None) -> Reading:
    found = pl.DataFrame(checks, schema=TOOL_CHECKS) if checks else empty_tool_checks()
    return Reading(frame(rows), found, regraded=frame(regraded or []))
