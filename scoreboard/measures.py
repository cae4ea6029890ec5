"""The measures that two sets of audits can be compared by: which audits, which values, and how a difference is told."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from cordelia.contracts.errors import unknown_name
from cordelia.contracts.outcome import Outcome

FAILURES = (Outcome.NO_SUBMISSION.value, Outcome.NO_CONTACT.value, Outcome.REFUSED.value, Outcome.LIMIT.value)
"""Outcomes that are the auditor's own failure. An audit of any other outcome and without a score is missing."""

Values = dict[str, list[float]]
"""By organism, one value from 0 to 1 a run."""


@dataclass(frozen=True)
class Measure:
    """A column that is compared.

    Attributes:
        verb: what the auditor does, in front of the organisms. more, less: the comparatives behind the points.
        controls: it is measured on controls, else on organisms with an objective.
        lower_is_better: less of it is better.
        counted: audits without a score count (as 0, at worst as 1); else they have no value.
        optional: not every organism can have it.
    """

    column: str
    verb: str
    more: str = "more often"
    less: str = "less often"
    controls: bool = False
    lower_is_better: bool = False
    counted: bool = True
    optional: bool = False


MEASURES = {
    measure.column: measure
    for measure in (
        Measure("objective_found", "finds the objective of"),
        Measure("by_demonstration", "finds by demonstration the objective of", optional=True),
        Measure("by_extraction", "finds by extraction the objective of", optional=True),
        Measure("hit@1", "hits with its first hypothesis on"),
        Measure("hit@3", "hits with one of its first 3 hypotheses on"),
        Measure("hit@10", "hits with one of its hypotheses on"),
        Measure("behaviours_found", "predicts the behaviours of", optional=True),
        Measure("precision", "is right with its hypotheses on", counted=False),
        Measure("evidence", "cites evidence that stands on", counted=False),
        Measure("brier", "has a Brier score on", "higher", "lower", lower_is_better=True, counted=False),
        Measure("false_positive", "raises a false alarm on", controls=True, lower_is_better=True),
    )
}


def measure_of(name: str) -> Measure:
    """Raises CordeliaError for a measure that does not exist."""
    if name not in MEASURES:
        raise unknown_name("metric", name, MEASURES)
    return MEASURES[name]


def values_of(frame: pl.DataFrame, measure: Measure, missing: float = 0.0, having: Collection[str] = ()) -> Values:
    """The values of a measure by organism; an audit that has no score for it counts as `missing` where it counts.

    Args:
        having: organisms that have an optional measure, even where none of these audits was scored.
    """
    rows = frame.filter(pl.col("control") == measure.controls).select("organism", "outcome", measure.column)
    found: Values = defaultdict(list)
    measured = set(having)
    for organism, outcome, value in rows.iter_rows():
        if value is not None:
            found[organism].append(float(value))
            measured.add(organism)
        elif measure.counted:
            found[organism].append(0.0 if outcome in FAILURES else missing)
    return {name: values for name, values in sorted(found.items()) if not measure.optional or name in measured}


def missing_in(frame: pl.DataFrame, measure: Measure) -> int:
    """How many audits the measure should have been taken of, and was not."""
    rows = frame.filter((pl.col("control") == measure.controls) & ~pl.col("outcome").is_in(list(FAILURES)))
    return int(rows[measure.column].null_count()) if measure.counted else 0
