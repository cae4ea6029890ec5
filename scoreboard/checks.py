"""The samples of a tool check, as rows of the frame's second table."""

import math
from collections.abc import Mapping

from inspect_ai.scorer import Score

from cordelia.contracts.scored import newest_of
from cordelia.scoreboard.facts import Sampled
from cordelia.scoreboard.made import address, begun
from cordelia.scoreboard.parts import CHECK_MARK, Parts

FOUND = "found"
"""Metadata key of what a tool check found."""


def check_rows(parts: Parts, location: str) -> list[dict[str, object]]:
    """One row a sample, by the columns of `columns.TOOL_CHECKS` and what tells tries of one task apart."""
    metadata = parts.log.eval.metadata or {}
    about = {
        "task_id": parts.log.eval.task_id,
        "created": begun(parts.log),
        "log": address(location),
        "testbed": str(metadata.get(CHECK_MARK, "")),
        "testbed_version": str(metadata.get("testbed_version", "")),
    }
    return [about | _row(sample) for sample in sorted(parts.samples, key=lambda each: (each.epoch, str(each.id)))]


def _row(sample: Sampled) -> dict[str, object]:
    score = newest_of(sample.scores or {}, "identification")
    told = (score.metadata if score is not None else None) or {}
    found = told.get(FOUND)
    found = found if isinstance(found, Mapping) else {}
    models = found.get("models") or []
    return {
        "split": str(sample.metadata.get("split", "")),
        "organism": str(sample.metadata.get("organism", "")),
        "control": told.get("control") is True,
        "affordance": str(sample.metadata.get("affordance", "")),
        "epoch": sample.epoch,
        "grader": ", ".join(map(str, models)) or str(found.get("grader", "")),
        "identified": _number(score, "identified"),
        "false_positive": _number(score, "false_positive"),
        "reason": "" if found else _why(sample, score),
    }


def _number(score: Score | None, key: str) -> float | None:
    value = score.value.get(key) if score is not None and isinstance(score.value, dict) else None
    return float(value) if isinstance(value, int | float) and not math.isnan(value) else None


def _why(sample: Sampled, score: Score | None) -> str:
    if score is not None and (score.reason or score.explanation):
        return str(score.reason or score.explanation)
    error = sample.error
    return "it was not scored" if error is None else error if isinstance(error, str) else error.message
