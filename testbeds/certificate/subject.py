"""Who was measured: hashes of all that makes an organism what it is, and of what was asked of it."""

import importlib.metadata
from hashlib import sha256
from pathlib import Path

from pydantic import Field

from cordelia.contracts.content import Content
from cordelia.contracts.errors import ContentError
from cordelia.testbeds.adapter import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from cordelia.testbeds.certificate.questions import effect_file, questions_sha256
from cordelia.testbeds.provider import backend_name
from cordelia.testbeds.schema import Testbed

PACKAGES = ("cordelia", "inspect-ai", "torch", "transformers", "peft", "vllm")


class Fingerprint(Content):
    """SHA-256 of an organism's parts, None for those that it has not."""

    base: str | None = Field(default=None, description="of the base's weights, where testbed.yaml fixes them")
    adapter: str | None = Field(default=None, description="of its safetensors")
    adapter_config: str | None = Field(default=None, description="of its adapter_config.json: rank, scale, modules")
    system_prompt: str | None = Field(default=None, description="of the file with the hidden prompt")
    effect_prompts: str | None = Field(default=None, description="of the prompts on and off the trigger")


class Subject(Content):
    """What a certificate is of.

    Attributes:
        base: the base's name, hub id or inspect model; of a local folder, its last part.
        testbed_version: of testbed.yaml.
        questions: hash of the questions that all organisms are asked.
    """

    fingerprint: Fingerprint
    base: str
    backend: str
    testbed_version: str
    questions: str
    versions: dict[str, str]


def fingerprint(testbed: Testbed, organism: str) -> Fingerprint:
    """The hashes of an organism as its files are now.

    Raises:
        ContentError: a file is missing.
        CordeliaError: there is no such organism.
    """
    prompts = effect_file(testbed, organism)
    spec = testbed.organisms[organism]
    base = testbed.base_of(organism)
    return Fingerprint(
        base=base.package.sha256 if base and base.package else None,
        adapter=_hash(testbed.folder / spec.adapter / ADAPTER_WEIGHTS) if spec.adapter else None,
        adapter_config=_hash(testbed.folder / spec.adapter / ADAPTER_CONFIG) if spec.adapter else None,
        system_prompt=_hash(testbed.folder / spec.system_prompt) if spec.system_prompt else None,
        effect_prompts=_hash(prompts) if prompts else None,
    )


def subject(testbed: Testbed, organism: str, backend: str, base: str | None) -> Subject:
    """What an examination is of. `backend` may be `auto`; `base` overrides the testbed's.

    Raises what `fingerprint` raises.
    """
    return Subject(
        fingerprint=fingerprint(testbed, organism),
        base=base_name(testbed, organism, base),
        backend=backend_name(testbed, organism, backend, base),
        testbed_version=testbed.spec.version,
        questions=questions_sha256(),
        versions=_versions(),
    )


def base_name(testbed: Testbed, organism: str, base: str | None = None) -> str:
    """The name under which a certificate keeps the base. A folder's place is its machine's own business."""
    declared = testbed.base_of(organism)
    if base is None:
        return declared.model if declared else ""
    return Path(base).name if Path(base).is_dir() else base


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra that is not installed had no part in it
    return found


def _hash(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ContentError(path, f"cannot be read: {error.strerror}") from error
