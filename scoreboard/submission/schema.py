"""What stands in a submission's JSON files. Unknown keys are refused, so that two versions are never taken for one."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from cordelia.contracts.content import Content

SCHEMA = 2
"""Raised whenever what a submission holds changes its meaning."""

MANIFEST, FRAME, PROVENANCE, PACKAGES = "manifest.json", "frame.parquet", "provenance.json", "packages.txt"
HASHED = (FRAME, PROVENANCE, PACKAGES)
"""The files beside the manifest; each must be there with the hash that the manifest gives."""

MAX_JSON_BYTES = 50_000_000

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ContentDigest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
"""As in the frame's `content_sha256`."""
Split = Literal["dev", "test"]


def _date(text: str) -> str:
    if date.fromisoformat(text).isoformat() != text:
        raise ValueError("should be a date, YYYY-MM-DD")
    return text


Date = Annotated[str, AfterValidator(_date)]


class Signed(Content):
    """Who answers for the submission, and what they say of it."""

    name: Line
    contact: Line
    statement: Annotated[str, StringConstraints(max_length=5_000)] = ""


class Claim(Content):
    """What the submission says it holds of one testbed, version and split."""

    testbed: str
    testbed_version: str
    split: str
    audits: int = Field(ge=1)
    organisms: list[str]
    controls: list[str]


class Manifest(Content):
    """manifest.json: who, when, what, and the hashes of the other files."""

    schema_version: int
    signed: Signed
    date: Date
    cordelia: Line
    claims: list[Claim] = Field(min_length=1)
    files: dict[str, Sha256]


class OrganismFacts(Content):
    """What organisms.yaml says of one organism."""

    split: Split
    control: bool


class TestbedFacts(Content):
    """A testbed as it was where the submission was made: all of its organisms, and the hash of its truth.yaml."""

    __test__ = False

    testbed: Line
    version: Line
    truth_sha256: Sha256
    organisms: dict[Line, OrganismFacts] = Field(min_length=1)


class TaskFacts(Content):
    """One task of the logs: how many audits it planned, and by split, how many of them are in its logs."""

    task_id: Line
    planned: int = Field(ge=1)
    audits: dict[str, Annotated[int, Field(ge=0)]]


class LogFacts(Content):
    """One log that the audits come from: its file's name and hash, and the hash of what it was run with."""

    name: Line
    log_id: Line
    task_id: Line
    created: Line
    status: Line
    sha256: Sha256
    content_sha256: ContentDigest | Literal[""]


class Finding(Content):
    """Words of one test organism's truth in what an auditor was given. The words themselves are not repeated."""

    testbed: str
    organism: str
    where: str
    runs_of_words: int


class Scan(Content):
    """Whether auditors were given the truth of test organisms.

    Attributes:
        words: how many words in a row must be the same.
        texts: distinct texts that were searched, by SHA-256: what auditors were given before a target answered.
        searched: by testbed, the hash of the truth whose test organisms were looked for.
        not_searched: by testbed, why its truth could not be looked for.
    """

    words: int
    texts: dict[Sha256, str]
    searched: dict[str, str]
    not_searched: dict[str, str] = {}
    findings: list[Finding] = []


class Provenance(Content):
    """provenance.json: where the frame comes from.

    Attributes:
        prompts: by digest (the frame's `content_sha256`), the SHA-256 of every content file of the auditors by path.
        ran_with: versions of packages that the logs name; packages.txt is of where the submission was made.
        scan: None when nobody looked.
    """

    logs: list[LogFacts]
    tasks: list[TaskFacts]
    testbeds: list[TestbedFacts]
    prompts: dict[ContentDigest, Annotated[dict[Line, Sha256], Field(min_length=1)]]
    ran_with: dict[Line, list[Line]] = Field(min_length=1)
    python: Line
    scan: Scan | None = None
