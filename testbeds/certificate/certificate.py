"""certificate.json: what was measured of each organism of a testbed, by base, and how it is kept up to date."""

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from cordelia.contracts.content import Content, parse, read_json
from cordelia.contracts.errors import ContentError
from cordelia.testbeds.certificate.measures import Admission, Coherence, OffTrigger, Strength
from cordelia.testbeds.certificate.subject import Subject
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
        date: when the organism was asked, as year-month-day.
        unmeasured: what is absent, and why.
    """

    subject: Subject
    counted_by: str
    date: str
    strength: Strength | None = None
    off_trigger: OffTrigger | None = None
    coherence: Coherence | None = None
    confession: Admission | None = None
    unmeasured: dict[str, str] = {}
    samples: list[Said] = []


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
        ContentError: the file is malformed.
    """
    kept = read_certificates(testbed)
    merged: Certificates = {}
    for name in testbed.organisms:
        entries = {**kept.get(name, {}), **new.get(name, {})}
        if entries:
            merged[name] = dict(sorted(entries.items()))
    data = CertificateFile(testbed=testbed.name, organisms=merged).model_dump(mode="json")
    path = testbed.folder / FILE
    part = path.with_suffix(".part")
    part.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)
    return path
