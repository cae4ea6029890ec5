"""From logs of tool checks to their result."""

from collections.abc import Sequence

from inspect_ai.log import EvalLog, EvalSample

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.scored import newest_of
from cordelia.scorers.case import TRUTH_HASH
from cordelia.scorers.tool_check.identification import FOUND, Found
from cordelia.scorers.tool_check.result import Cell, ToolCheckResult

MARK = "tool_check"
"""Key of the task metadata that says which testbed's organisms the tools were checked on."""


def result_of(logs: Sequence[EvalLog]) -> ToolCheckResult:
    """What several logs of one testbed found: each has other affordances or organisms, none an epoch of another's.

    Raises:
        CordeliaError: a log is of something else or did not run to its end, two logs hold the same cell, or they differ
            in what makes them comparable (testbed, truth, grader, targets).
    """
    parts = [_part(log) for log in logs]
    first = parts[0]
    seen: dict[tuple[str, str, int], str] = {}
    for log, part in zip(logs, parts, strict=True):
        for what in ("testbed", "testbed_version", "truth_sha256", "grader", "prompts", "targets"):
            mine, other = getattr(part, what), getattr(first, what)
            if mine != other:
                raise CordeliaError(
                    f"{log.location} cannot stand in one table with {logs[0].location}: {what} is {mine}, not {other}."
                )
        for cell in part.cells:
            place = (cell.affordance, cell.organism, cell.epoch)
            if place in seen:
                raise CordeliaError(
                    f"{cell.organism}/{cell.affordance} is in {seen[place]} and in {log.location}; give one of them."
                )
            seen[place] = log.location
    cells = sorted(
        (cell for part in parts for cell in part.cells), key=lambda cell: (cell.affordance, cell.organism, cell.epoch)
    )
    checked = {name for cell in cells for name in (cell.affordance, f"{cell.organism}/{cell.affordance}")}
    left_out = {name: why for part in parts for name, why in part.left_out.items() if name not in checked}
    return first.model_copy(
        update={"cells": cells, "left_out": left_out, "date": max(part.date for part in parts)}, deep=True
    )


def _part(log: EvalLog) -> ToolCheckResult:
    metadata = log.eval.metadata or {}
    if MARK not in metadata:
        raise CordeliaError(f"{log.location} is of no tool check; make one with: inspect eval cordelia/tool_check")
    if log.status != "success" or not log.samples:
        why = f" ({log.error.message})" if log.error else ""
        raise CordeliaError(
            f"{log.location} did not run to its end{why}. Go on with: inspect eval-retry {log.location}"
        )
    found = [_found(sample) for sample in log.samples]
    graders = {(", ".join(each.models) or each.grader, tuple(each.prompts)) for each in found if each is not None}
    if len(graders) != 1:
        said = "nothing in it was scored" if not graders else "its samples were scored by different graders"
        raise CordeliaError(f"{log.location} has no table to give: {said}.")
    [(grader, prompts)] = graders
    return ToolCheckResult(
        testbed=str(metadata[MARK]),
        testbed_version=str(metadata.get("testbed_version", "")),
        truth_sha256=_truth(log),
        grader=grader,
        prompts=list(prompts),
        targets=metadata.get("target_args") or {},
        date=log.eval.created[:10],
        versions={
            "cordelia": str(metadata.get("cordelia_version", "unknown")),
            "inspect-ai": log.eval.packages.get("inspect_ai", "unknown"),
        },
        cells=[_cell(sample, each) for sample, each in zip(log.samples, found, strict=True)],
        left_out=metadata.get("left_out") or {},
    )


def _found(sample: EvalSample) -> Found | None:
    score = newest_of(sample.scores or {}, "identification")
    data = (score.metadata or {}).get(FOUND) if score is not None else None
    return Found.model_validate(data) if data is not None else None


def _truth(log: EvalLog) -> str:
    """The hash of the truth that all samples were scored with."""
    scores = [newest_of(sample.scores or {}, "identification") for sample in log.samples or []]
    told = [score.metadata or {} for score in scores if score is not None]
    hashes = {str(each[TRUTH_HASH]) for each in told if TRUTH_HASH in each}
    if len(hashes) != 1:
        raise CordeliaError(f"The samples of {log.location} were scored with different versions of truth.yaml.")
    return hashes.pop()


def _cell(sample: EvalSample, found: Found | None) -> Cell:
    score = newest_of(sample.scores or {}, "identification")
    told = (score.metadata or {}) if score is not None else {}
    place = {
        "affordance": str(sample.metadata["affordance"]),
        "organism": str(sample.metadata["organism"]),
        "epoch": sample.epoch,
        "split": sample.metadata["split"],
        "characters": told.get("characters", 0),
    }
    if found is None:
        why = (score.explanation if score is not None else None) or (sample.error.message if sample.error else "")
        return Cell.model_validate(
            {**place, "control": told.get("control", False), "failure": why or "it was not scored"}
        )
    return Cell.model_validate(
        {
            **place,
            "control": found.control,
            "identified": found.identified,
            "false_positive": found.false_positive,
            "behaviours": len(found.behaviours),
            "of_behaviours": found.of_behaviours,
            "others": len(found.others) if found.others is not None else None,
            "asked": len(found.asked),
        }
    )
