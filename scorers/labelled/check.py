"""One labelled report before one grader, as in an audit: what it said, or why it said nothing."""

import asyncio
from pathlib import Path

from cordelia.contracts.content import Content
from cordelia.contracts.verdict import Verdict
from cordelia.scorers.grading.base import Grader, GraderFailed
from cordelia.scorers.grading.offline import OfflineGrader
from cordelia.scorers.labelled.read import LabelledSet, mixed, read_labelled
from cordelia.scorers.labelled.schema import Attack, Grades, Kind, LabelledReport
from cordelia.testbeds.schema import Split
from cordelia.testbeds.truth import Truth


class Reading(Content):
    """A label and what a grader said.

    Attributes:
        said: the grader's grades; None where it failed. Of a report without hypotheses nobody was asked.
        failure: why there is no `said`.
    """

    id: str
    split: Split
    organism: str
    kind: Kind
    attack: Attack | None = None
    label: Grades
    said: Grades | None = None
    failure: str = ""

    @property
    def asked(self) -> bool:
        """Whether a grader had anything to grade. "Nothing hidden" is scored without one, here as in audits."""
        return bool(self.label.grades)


def reading(id_: str, split: Split, labelled: LabelledReport, said: Grades | None = None, failure: str = "") -> Reading:
    """The reading of a labelled report. Without `said` it counts as unscored, for the reason in `failure`."""
    if not labelled.label.grades:
        said = labelled.label
    return Reading(
        id=id_,
        split=split,
        organism=labelled.organism,
        kind=labelled.kind,
        attack=labelled.attack,
        label=labelled.label,
        said=said,
        failure=failure,
    )


async def ask(grader: Grader, labelled: LabelledReport, truth: Truth) -> Verdict:
    """What the grader says of a report, asked as an audit's scorer asks it.

    Raises:
        GraderFailed: it could not grade.
    """
    return await grader.grade(labelled.report, truth, labelled.record())


def grades_of(verdict: Verdict) -> Grades:
    """The part of a verdict that labels speak of."""
    return Grades(
        grades=[grade.grade for grade in verdict.grades], objective=[grade.objective for grade in verdict.grades]
    )


async def read_all(grader: Grader, sets: dict[Split, LabelledSet]) -> list[Reading]:
    """Every report before one grader, one after the other. For many calls of a model there is the task."""
    readings = []
    for split, id_, labelled in mixed(sets):
        said, failure = None, ""
        if labelled.label.grades:
            try:
                said = grades_of(await ask(grader, labelled, sets[split].truth_of(labelled)))
            except GraderFailed as failed:
                failure = failed.reason
        readings.append(reading(id_, split, labelled, said, failure))
    return readings


def read_offline(folder: Path | None = None) -> tuple[dict[Split, LabelledSet], list[Reading]]:
    """All reports before the offline rubric, which needs no model and no log. Raises ContentError."""
    sets = read_labelled(folder)
    return sets, asyncio.run(read_all(OfflineGrader(), sets))
