"""certificate.json: what was measured of each organism of a testbed, by base, and how it is kept up to date."""

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from cordelia.contracts.content import Content, parse, read_json
from cordelia.contracts.errors import ContentError
from cordelia.testbeds.certificate.measures import PROGRAM, Admission, Coherence, OffTrigger, Strength
from cordelia.testbeds.certificate.subject import Subject, fingerprint
from cordelia.testbeds.schema import Name, Testbed

FILE = "certificate.json"


class Said(Content):
    """One prompt on the trigger with both answers, to be read."""

    prompt: str
    organism: str
    base: str


class Certificate(Content):
    """What was measured of one organism on one base.

    Attributes:
        counted_by: hash of the patterns of truth.yaml that marked replies.
        answer_key: hash of what a grader was told of the organism; None where no grader marked replies.
        date: when the organism was asked, as year-month-day.
        unmeasured: what is absent, and why.
    """

    subject: Subject
    counted_by: str
    answer_key: str | None = None
    date: str
    strength: Strength | None = None
    off_trigger: OffTrigger | None = None
    coherence: Coherence | None = None
    confession: Admission | None = None
    unmeasured: dict[str, str] = {}
    samples: list[Said] = []

    @property
    def graders(self) -> set[str]:
        """Who marked replies by the answer key; empty where the patterns of truth.yaml marked them all."""
        parts = (self.strength, self.off_trigger, self.confession)
        return {part.by for part in parts if part is not None and part.by is not None and part.by != PROGRAM}


Certificates = dict[str, dict[str, Certificate]]
"""By organism and by base."""


class CertificateFile(Content):
    """certificate.json"""

    testbed: str
    organisms: dict[Name, dict[str, Certificate]] = Field(default={})


def read_certificates(testbed: Testbed) -> Certificates:
    """What certificate.json says; nothing where there is none. Raises ContentError: malformed, or another's."""
    path = testbed.folder / FILE
    if not path.is_file():
        return {}
    held = parse(CertificateFile, read_json(path), path)
    if held.testbed != testbed.name:
        raise ContentError(path, f"these are certificates of '{held.testbed}', and this is '{testbed.name}'", "testbed")
    return dict(held.organisms)


def write_certificates(testbed: Testbed, new: Mapping[str, Mapping[str, Certificate]]) -> Path:
    """Put certificates into certificate.json: these replace their like, the others of the testbed stay, and those of
    organisms that the testbed no longer has go. Returns the file.

    Raises:
        ContentError: the file is malformed, or a file of the testbed is missing.
    """
    kept = read_certificates(testbed)
    merged: Certificates = {}
    for name in testbed.organisms:
        before = kept.get(name, {})
        made = {base: _completed(testbed, name, one, before.get(base)) for base, one in new.get(name, {}).items()}
        entries = {**before, **made}
        if entries:
            merged[name] = dict(sorted(entries.items()))
    data = CertificateFile(testbed=testbed.name, organisms=merged).model_dump(mode="json")
    path = testbed.folder / FILE
    part = path.with_suffix(".part")
    part.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)
    return path


LATER = ("base", "adapter_config")
"""Parts of a fingerprint that logs of the first certifications do not hold."""


def _completed(testbed: Testbed, organism: str, new: Certificate, before: Certificate | None) -> Certificate:
    """A certificate whose log is older than some hashes, with those of the certificate that it replaces.

    Only where the two agree on all that the log holds, and the files are still those: nothing is taken from the files.
    """
    if before is None:
        return new
    has, had = new.subject.fingerprint.model_dump(), before.subject.fingerprint.model_dump()
    lacks = {part: had[part] for part in LATER if has[part] is None and had[part] is not None}
    if not lacks or {**has, **lacks} != had or before.subject.fingerprint != fingerprint(testbed, organism):
        return new
    subject = new.subject.model_copy(update={"fingerprint": before.subject.fingerprint})
    return new.model_copy(update={"subject": subject})
