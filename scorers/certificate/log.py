"""From the log of a certification to certificates."""

from dataclasses import dataclass
from typing import TypeVar

from inspect_ai.log import EvalLog, EvalSample
from inspect_ai.scorer import Score
from pydantic import BaseModel

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.scored import newest_of
from cordelia.scorers.certificate.scored import PART, PATTERNS, TOLD, WHY_NOT
from cordelia.testbeds.certificate.certificate import Certificate, Certificates, Said
from cordelia.testbeds.certificate.measures import Admission, Coherence, OffTrigger, Strength
from cordelia.testbeds.certificate.record import Battery, Examination

MARK = "certify"
"""Key of the task metadata that says which testbed was certified."""

SCORERS = ("strength", "off_trigger", "coherence", "confession")
SAMPLES = 3

P = TypeVar("P", bound=BaseModel)


@dataclass(frozen=True)
class Found:
    """What a log has: certificates, and of which organisms it has none, and why."""

    testbed: str
    folder: str
    certificates: Certificates
    failed: dict[str, str]


def is_certification(log: EvalLog) -> bool:
    """Whether a log is of `cordelia/certify`, by whatever command it was made."""
    return MARK in (log.eval.metadata or {})


def certificates_of(log: EvalLog) -> Found:
    """The certificates in a log; of several epochs the first.

    Raises:
        CordeliaError: the log is of something else, or has no samples.
    """
    if not is_certification(log) or not log.samples:
        raise CordeliaError(f"{log.location} has no certified organism; make one with: inspect eval cordelia/certify")
    certificates: Certificates = {}
    failed: dict[str, str] = {}
    folder = ""
    for sample in log.samples:
        name = str(sample.id)
        if sample.epoch != 1:
            continue
        examination = sample.store_as(Examination)
        folder = folder or examination.testbed_folder
        problem = _problem(sample, examination)
        if problem:
            failed[name] = problem
        elif examination.subject is not None:
            certificates[name] = {examination.subject.base: _certificate(sample, examination, log.eval.created[:10])}
    return Found(str((log.eval.metadata or {})[MARK]), folder, certificates, failed)


def _problem(sample: EvalSample, examination: Examination) -> str | None:
    if sample.error is not None:
        return sample.error.message
    if examination.subject is None or not examination.replies:
        return "it was not examined to the end"
    scores = {name: newest_of(sample.scores or {}, name) for name in SCORERS}
    missing = [name for name, score in scores.items() if score is None or PATTERNS not in (score.metadata or {})]
    if missing:
        why = next((score.explanation for score in scores.values() if score is not None and score.explanation), "")
        return f"it has no score for {', '.join(missing)}{': ' + why if why else ''}"
    metadata = [score.metadata or {} for score in scores.values() if score is not None]
    measured_by = {(each.get(PATTERNS), each.get(TOLD)) for each in metadata}
    if len(measured_by) > 1:
        return "its scores are by different truths; measure it again: cordelia certificate LOG --rescore"
    return None


def _certificate(sample: EvalSample, examination: Examination, date: str) -> Certificate:
    scores = {name: newest_of(sample.scores or {}, name) for name in SCORERS}
    metadata = {name: score.metadata or {} for name, score in scores.items() if score is not None}
    assert examination.subject is not None  # a sample without one has a problem
    certificate = Certificate(
        subject=examination.subject,
        counted_by=str(metadata["strength"][PATTERNS]),
        date=date,
        strength=_part(Strength, scores["strength"]),
        off_trigger=_part(OffTrigger, scores["off_trigger"]),
        coherence=_part(Coherence, scores["coherence"]),
        confession=_part(Admission, scores["confession"]),
        unmeasured={what: why for each in metadata.values() for what, why in (each.get(WHY_NOT) or {}).items()},
        samples=_samples(examination),
    )
    told = metadata["strength"].get(TOLD)
    return certificate.model_copy(update={"answer_key": told}) if certificate.graders else certificate


def _part(model: type[P], score: Score | None) -> P | None:
    data = (score.metadata or {}).get(PART) if score is not None else None
    return model.model_validate(data) if data is not None else None


def _samples(examination: Examination) -> list[Said]:
    """The first replies on the trigger; where there is none, off it."""
    battery: Battery = "on" if examination.said("on", "organism") else "off"
    pairs = zip(examination.said(battery, "organism"), examination.said(battery, "base"), strict=True)
    return [Said(prompt=one.prompt, organism=one.text, base=other.text) for one, other in list(pairs)[:SAMPLES]]
