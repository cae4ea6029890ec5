"""The result of a grade check, as a JSON file that says what it was measured on."""

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Literal

from pydantic import Field

from cordelia.contracts.content import Content, parse, read_json
from cordelia.contracts.verdict import RUBRIC_MAX, THRESHOLD
from cordelia.scorers.grading.choose import check_threshold
from cordelia.scorers.grading.texts import prompts_sha256
from cordelia.scorers.labelled.check import Reading, read_offline
from cordelia.scorers.labelled.figures import SplitFigures, figures
from cordelia.scorers.labelled.read import LabelledSet
from cordelia.scorers.labelled.schema import Grades
from cordelia.testbeds.schema import Sha256, Split


class Measured(Content):
    """What one split's readings were measured on.

    Attributes:
        data: hash of the file of labelled reports, which has `of` reports.
        answer_keys: hash of what graders are told of its organisms.
    """

    data_sha256: Sha256
    answer_keys_sha256: Sha256
    of: int

    @classmethod
    def on(cls, found: LabelledSet) -> "Measured":
        return cls(data_sha256=found.sha256, answer_keys_sha256=found.answer_keys_sha256, of=len(found.reports))


class GraderInfo(Content):
    """Which grader it was. `prompts_sha256` is None for one without prompts."""

    kind: Literal["offline", "model", "panel"]
    name: str
    models: list[str] = []
    prompts_sha256: Sha256 | None = None


OFFLINE = GraderInfo(kind="offline", name="offline")


class GradeCheck(Content):
    """A grader's agreement with the labelled reports, the splits apart.

    Attributes:
        said: by report, the grader's grades; None where it failed, and then `failures` says why.
        date: of the run, YYYY-MM-DD; None for what is computed on the spot.
    """

    grader: GraderInfo
    threshold: int = Field(ge=1, le=RUBRIC_MAX)
    date: str | None = None
    versions: dict[str, str]
    measured_on: dict[Split, Measured]
    figures: dict[Split, SplitFigures]
    said: dict[str, Grades | None]
    failures: dict[str, str]


def summed_up(
    readings: Sequence[Reading],
    measured_on: Mapping[Split, Measured],
    grader: GraderInfo,
    threshold: int = THRESHOLD,
    *,
    versions: Mapping[str, str] | None = None,
    date: str | None = None,
) -> GradeCheck:
    """The result of these readings; `versions` are today's unless the run had others.

    Raises CordeliaError for a threshold that is no grade.
    """
    check_threshold(threshold)
    # a log has its samples in another order than the files, and a resampled interval depends on it
    readings = sorted(readings, key=lambda each: each.id)
    by_split = {split: [each for each in readings if each.split is split] for split in measured_on}
    return GradeCheck(
        grader=grader,
        threshold=threshold,
        date=date,
        versions=dict(versions or {name: version(name) for name in ("cordelia", "inspect-ai")}),
        measured_on=dict(measured_on),
        figures={split: figures(found, threshold) for split, found in by_split.items()},
        said={each.id: each.said for each in readings},
        failures={each.id: each.failure for each in readings if each.asked and each.said is None},
    )


def offline_check(folder: Path | None = None, threshold: int = THRESHOLD) -> GradeCheck:
    """The offline rubric's result, computed here and now, the same everywhere. Raises ContentError."""
    sets, readings = read_offline(folder)
    return summed_up(readings, {split: Measured.on(found) for split, found in sets.items()}, OFFLINE, threshold)


def changed(result: GradeCheck, sets: Mapping[Split, LabelledSet]) -> list[str]:
    """What is no longer as it was when the result was measured, in words; empty when all is."""
    found = []
    for split, before in result.measured_on.items():
        now = Measured.on(sets[split]) if split in sets else None
        if now is None or now.data_sha256 != before.data_sha256:
            found.append(f"the labelled reports of {split}")
        if now is None or now.answer_keys_sha256 != before.answer_keys_sha256:
            found.append(f"the answer keys of {split}")
    if result.grader.prompts_sha256 not in {None, prompts_sha256()}:
        found.append("the grader's prompts")
    return found


def write_result(result: GradeCheck, path: Path) -> None:
    """Write the result as JSON: the whole file, or the old one stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    text = json.dumps(result.model_dump(mode="json"), indent=1, ensure_ascii=False)
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(path)


def read_result(path: Path) -> GradeCheck:
    """The result in a file. Raises ContentError when it is missing or malformed."""
    return parse(GradeCheck, read_json(path), path)
