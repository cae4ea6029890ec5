"""From the log of a grade check to its result."""

from collections.abc import Sequence
from importlib.metadata import version

from inspect_ai.log import EvalLog, EvalSample
from pydantic import TypeAdapter, ValidationError

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.scored import newest_of
from cordelia.contracts.verdict import THRESHOLD
from cordelia.scorers.labelled.check import Reading, reading
from cordelia.scorers.labelled.read import LabelledSet
from cordelia.scorers.labelled.result import GradeCheck, GraderInfo, Measured, summed_up
from cordelia.scorers.labelled.scorer import LabelledCase, ScoreData
from cordelia.testbeds.schema import Split

MARK = "grade_check"
"""Key of the task metadata that says what a grade check was measured on."""

VERSION = "cordelia_version"

_MEASURED = TypeAdapter(dict[Split, Measured])


def task_metadata(sets: dict[Split, LabelledSet]) -> dict[str, object]:
    """The metadata of a grade check's task."""
    measured = {split: Measured.on(found) for split, found in sets.items()}
    return {MARK: _MEASURED.dump_python(measured, mode="json"), VERSION: version("cordelia")}


def result_of(log: EvalLog, threshold: int = THRESHOLD) -> GradeCheck:
    """The result in a log.

    A sample without a score (its run broke outside of the grader) counts as unscored, with the error as the reason.

    Raises:
        CordeliaError: the log is of something else, did not run to its end, or repeats its samples over epochs.
    """
    try:
        measured = _MEASURED.validate_python((log.eval.metadata or {})[MARK])
    except (KeyError, ValidationError) as error:
        raise CordeliaError(f"{log.location} is no log of a grade check.") from error
    if log.status != "success":
        why = f" ({log.error.message})" if log.error else ""
        raise CordeliaError(
            f"The grade check did not run to its end{why}. Go on with it: inspect eval-retry {log.location}, "
            "then: cordelia grade-check --log <the new log>."
        )
    samples = log.samples or []
    if any(sample.epoch > 1 for sample in samples):
        raise CordeliaError(f"{log.location} has several epochs; a grade check takes each report once.")
    found = [_data(sample) for sample in samples]
    return summed_up(
        [data.reading for data in found],
        measured,
        _grader(found, log),
        threshold,
        versions={
            "cordelia": str((log.eval.metadata or {}).get(VERSION, "unknown")),
            "inspect-ai": log.eval.packages.get("inspect_ai", "unknown"),
        },
        date=log.eval.created[:10],
    )


def _data(sample: EvalSample) -> ScoreData:
    score = newest_of(sample.scores or {}, "grade_agreement")
    if score is not None and score.metadata:
        return ScoreData.model_validate(score.metadata)
    case = LabelledCase.model_validate(sample.metadata)
    failure = sample.error.message if sample.error else "not scored"
    return ScoreData(split=case.split, reading=_missing(str(sample.id), case, failure))


def _missing(id_: str, case: LabelledCase, failure: str) -> Reading:
    return reading(id_, case.split, case.labelled, failure=failure)


def _grader(found: Sequence[ScoreData], log: EvalLog) -> GraderInfo:
    """The grader of the run. Raises CordeliaError when none was asked, or more than one."""
    graders = {data.grader.model_dump_json(): data.grader for data in found if data.grader is not None}
    if len(graders) != 1:
        said = next((data.reading.failure for data in found if data.reading.failure), "no report reached a grader")
        raise CordeliaError(f"{log.location} has the grades of {len(graders)} graders, not of one: {said}")
    return next(iter(graders.values()))
