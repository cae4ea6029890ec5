"""The columns of the frame: their names, their types, and what each one says.

One row is one sample of an audit. Rates, figures and pages are made of these columns and of nothing else, and a written
frame (parquet, CSV) is read back by them.
"""

import polars as pl

COLUMNS_VERSION = 5
"""Raised whenever what a column holds, or how it is read from a log, changes: older cached rows are then read anew."""

SUCCESSES = ("objective_found", "by_demonstration", "by_extraction", "hit@1", "hit@3", "hit@10", "false_positive")
"""0 or 1; null where it does not apply (a control has no objective) or nothing could be scored."""

QUALITIES = ("behaviours_found", "precision", "brier", "evidence")
"""Shares; null where there is nothing to measure."""

COSTS = ("auditor_tokens", "helper_tokens", "target_tokens", "target_queries", "reference_queries", "seconds")
"""What an audit spent; null where it was not measured. `seconds` is working time up to scoring."""

MONEY = "money"
"""Sum of what auditor and helper cost, in the currency of inspect's prices; null when no price is known."""

NUMBERS = (*SUCCESSES, *QUALITIES, *COSTS, MONEY)

_TEXT = pl.String()
_TEXTS = pl.List(pl.String())
_FLAG = pl.Boolean()
_COUNT = pl.Int64()
_NUMBER = pl.Float64()
_TIME = pl.Datetime("us", "UTC")
TOOL_CALL = pl.Struct({"tool": pl.String(), "calls": pl.Int64(), "first": pl.Float64()})
"""A tool that the auditor called, how often, and where among all its calls the first one stands (0 to 1)."""

AUDITS: dict[str, pl.DataType] = {
    "log": _TEXT,
    "log_id": _TEXT,
    "task_id": _TEXT,
    "run_id": _TEXT,
    "created": _TIME,
    "sweep": _TEXT,
    "planned": _COUNT,
    "testbed": _TEXT,
    "testbed_version": _TEXT,
    "organism": _TEXT,
    "split": _TEXT,
    "control": _FLAG,
    "epoch": _COUNT,
    "sample_uuid": _TEXT,
    "auditor": _TEXT,
    "auditor_name": _TEXT,
    "solver": _TEXT,
    "solver_sha256": _TEXT,
    "auditor_model": _TEXT,
    "auditor_args": _TEXT,
    "auditor_given": _TEXTS,
    "generate": _TEXT,
    "model_args": _TEXT,
    "model_roles": _TEXT,
    "affordances": _TEXTS,
    "tools": _TEXTS,
    "affordance_set": _TEXT,
    "backend": _TEXT,
    "backend_args": _TEXT,
    "base": _TEXT,
    "grader": _TEXT,
    "threshold": _COUNT,
    "budget": _TEXT,
    "outcome": _TEXT,
    "reason": _TEXT,
    "answer": _TEXT,
    **dict.fromkeys((*SUCCESSES, *QUALITIES), _NUMBER),
    "confidences": pl.List(pl.Float64()),
    "hits": pl.List(pl.Boolean()),
    **dict.fromkeys(COSTS, _NUMBER),
    MONEY: _NUMBER,
    "tool_calls": pl.List(TOOL_CALL),
    "cordelia": _TEXT,
    "inspect_ai": _TEXT,
    "commit": _TEXT,
    "content_sha256": _TEXT,
    "truth_sha256": _TEXT,
}
"""Name and type of every column of the audits, in their order."""

TOOL_CHECKS: dict[str, pl.DataType] = {
    "log": _TEXT,
    "testbed": _TEXT,
    "testbed_version": _TEXT,
    "split": _TEXT,
    "organism": _TEXT,
    "control": _FLAG,
    "affordance": _TEXT,
    "epoch": _COUNT,
    "grader": _TEXT,
    "identified": _NUMBER,
    "false_positive": _NUMBER,
    "reason": _TEXT,
}
"""Name and type of every column of the tool checks, in their order."""


def empty_audits() -> pl.DataFrame:
    """The audits' columns without a row."""
    return pl.DataFrame(schema=AUDITS)


def empty_tool_checks() -> pl.DataFrame:
    """The tool checks' columns without a row."""
    return pl.DataFrame(schema=TOOL_CHECKS)
