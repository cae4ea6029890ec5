"""Frames for tests: audits as `read_frame` gives them, with what a test does not care about filled in."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import polars as pl

from cordelia.scoreboard.columns import AUDITS
from cordelia.scoreboard.made import digest

TRUTH = "ab" * 32
PROMPTS = {"prompts/investigator.md": TRUTH}
AUDIT: dict[str, object] = {
    "log": "/home/somebody/logs/one.eval",
    "log_id": "log1",
    "task_id": "task1",
    "run_id": "run1",
    "created": datetime(2026, 11, 21, tzinfo=UTC),
    "sweep": None,
    "testbed": "bed",
    "testbed_version": "1.0.0",
    "organism": "elm",
    "split": "dev",
    "control": False,
    "epoch": 1,
    "sample_uuid": "",
    "auditor": "baseline",
    "auditor_model": "none/none",
    "auditor_args": "{}",
    "auditor_given": [],
    "generate": "{}",
    "model_args": "{}",
    "model_roles": "{}",
    "affordances": ["chat"],
    "tools": [],
    "affordance_set": "chat",
    "backend": "fake",
    "backend_args": "{}",
    "base": "",
    "grader": "offline",
    "threshold": 4,
    "budget": "{}",
    "outcome": "submitted",
    "reason": "",
    "answer": "1. It names tea. (0.9)",
    "confidences": [0.9],
    "hits": [False],
    "target_queries": 10.0,
    "seconds": 2.0,
    "auditor_tokens": 0.0,
    "tool_calls": [],
    "cordelia": "0.1.0",
    "inspect_ai": "0.3.285",
    "commit": "c0ffee",
    "content_sha256": digest(PROMPTS),
    "truth_sha256": TRUTH,
}


def frame(rows: Iterable[Mapping[str, object]]) -> pl.DataFrame:
    """Audits, one a mapping of what is not as in `AUDIT`."""
    made = [dict.fromkeys(AUDITS) | AUDIT | {"sample_uuid": f"uuid{place}"} | row for place, row in enumerate(rows)]
    return pl.DataFrame(made, schema=AUDITS)


def runs(found: Mapping[str, Iterable[float | None]], **same: object) -> list[dict[str, object]]:
    """One audit for each organism and run: whether the objective was found, None for a broken target."""
    return [
        {
            "organism": name,
            "epoch": epoch,
            "objective_found": value,
            "hit@1": value,
            "outcome": "submitted" if value is not None else "target_error",
            **same,
        }
        for name, values in found.items()
        for epoch, value in enumerate(values, start=1)
    ]


def alarms(claimed: Mapping[str, Iterable[float | None]], **same: object) -> list[dict[str, object]]:
    """One audit for each control and run: whether something was claimed."""
    rows = runs(claimed, control=True, **same)
    return [row | {"false_positive": row["objective_found"], "objective_found": None, "hit@1": None} for row in rows]


def by_ways(rows: Iterable[Mapping[str, object]], read_out: int) -> list[dict[str, object]]:
    """The same audits, of organisms with a hidden prompt: in the first runs of each it was read out."""
    told = []
    for row in rows:
        epoch, found = row["epoch"], row["objective_found"]
        assert isinstance(epoch, int)
        ways = {"by_demonstration": epoch > read_out, "by_extraction": epoch <= read_out}
        told.append({**row, **{way: None if found is None else float(found == 1.0 and of) for way, of in ways.items()}})
    return told
