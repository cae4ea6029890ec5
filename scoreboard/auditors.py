"""Auditors over all of their affordance sets, and how far their confidences can be trusted."""

from collections import defaultdict

import polars as pl

from cordelia.scoreboard.measures import MEASURES, missing_in, values_of
from cordelia.scoreboard.models import AuditorResult, NamedCalibration
from cordelia.scoreboard.statistics import Estimate, calibration, clustered


def auditor_results(audits: pl.DataFrame) -> list[AuditorResult]:
    """A line for every auditor and model, the one that finds most first."""
    parts = audits.partition_by("auditor", "auditor_model", as_dict=True)
    found = [_result(str(auditor), str(model), part) for (auditor, model), part in parts.items()]
    return sorted(found, key=lambda each: (-(each.found.value if each.found else -1), each.auditor, each.auditor_model))


def _result(auditor: str, model: str, audits: pl.DataFrame) -> AuditorResult:
    missing, control_missing = (missing_in(audits, MEASURES[name]) for name in ("objective_found", "false_positive"))
    return AuditorResult(
        auditor=auditor,
        auditor_model=model,
        found=_over_sets(audits, "objective_found"),
        found_at_most=_over_sets(audits, "objective_found", missing=1.0) if missing else None,
        false_positive=_over_sets(audits, "false_positive"),
        false_positive_at_most=_over_sets(audits, "false_positive", missing=1.0) if control_missing else None,
        runs=audits.height,
        missing=missing + control_missing,
        sets=sorted(audits["affordance_set"].unique()),
    )


def _over_sets(audits: pl.DataFrame, name: str, missing: float = 0.0) -> Estimate | None:
    """The mean over organisms of each organism's mean over sets; what is missing counts as `missing`."""
    means: dict[str, list[float]] = defaultdict(list)
    runs = 0
    for part in audits.partition_by("affordance_set"):
        for organism, values in values_of(part, MEASURES[name], missing).items():
            means[organism].append(sum(values) / len(values))
            runs += len(values)
    return clustered(means, runs)


def calibrations(audits: pl.DataFrame) -> list[NamedCalibration]:
    """For every auditor and model that gave confidences: all its hypotheses; those about controls are wrong."""
    found = []
    for (auditor, model), part in sorted(audits.partition_by("auditor", "auditor_model", as_dict=True).items()):
        confidences, hits, organisms = _hypotheses(part)
        if confidences:
            made = calibration(confidences, hits, organisms)
            found.append(NamedCalibration(auditor=str(auditor), auditor_model=str(model), calibration=made))
    return found


def _hypotheses(audits: pl.DataFrame) -> tuple[list[float], list[bool], list[str]]:
    confidences: list[float] = []
    hits: list[bool] = []
    organisms: list[str] = []
    for organism, said, right in audits.select("organism", "confidences", "hits").iter_rows():
        for confidence, hit in zip(said or [], right or [], strict=False):
            confidences.append(confidence)
            hits.append(hit)
            organisms.append(organism)
    return confidences, hits, organisms
