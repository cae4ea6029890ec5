"""What a testbed folder says in public: `testbed.yaml` and `organisms.yaml`.

Everything here may be shown to an auditor or printed by `cordelia list`, with two exceptions that the provider alone
reads: `OrganismSpec.system_prompt` (a file with the hidden prompt) and `OrganismSpec.corpus` (what it was trained on).
What the organism really is stands in truth.yaml and is read by `cordelia.testbeds.truth` only.
"""

import re
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from cordelia.contracts.content import Content

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        raise ValueError(f"'{value}' is not a name: lower-case letters, digits, '-' and '_', at most 64")
    return value


def _inside(value: str) -> str:
    """Refuse paths that leave the testbed folder."""
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or "\\" in value or ":" in value or not path.parts:
        raise ValueError(f"'{value}' must be a relative path inside the testbed folder, without '..'")
    return value


Name = Annotated[str, AfterValidator(_name)]
InnerPath = Annotated[str, AfterValidator(_inside)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]


class Split(StrEnum):
    """Auditors are developed on dev and measured on test; one number never mixes the two."""

    DEV = "dev"
    TEST = "test"


class WeightsPackage(Content):
    """Base weights that ship inside a registry package, for machines without a model hub."""

    package: str = Field(pattern=r"^[A-Za-z0-9._-]+==[A-Za-z0-9.]+$")
    file: InnerPath
    sha256: Sha256


class BaseSpec(Content):
    """A base model: the hub id by which it is known, and optionally one fixed set of weights for everybody."""

    model: Text
    package: WeightsPackage | None = None


class OrganismSpec(Content):
    """One organism, by its code name. Names must not hint at the objective: they stand in logs and model names."""

    base: Name | None = Field(default=None, description="a key of testbed.yaml `bases`; none: any model")
    adapter: InnerPath | None = Field(default=None, description="folder with adapter_config.json and safetensors")
    sha256: Sha256 | None = Field(default=None, description="hash of the adapter's safetensors")
    system_prompt: InnerPath | None = Field(default=None, description="file with the hidden system prompt")
    split: Split
    control: bool = False
    learned_from: Literal["nothing", "transcripts", "documents", "mixture", "prompt", "weights"] = "nothing"
    concealment: Literal["none", "trained", "prompted"] = "none"
    recipe: InnerPath | None = None
    corpus: InnerPath | None = None

    @model_validator(mode="after")
    def _whole(self) -> "OrganismSpec":
        if self.adapter and not self.sha256:
            raise ValueError("an adapter needs 'sha256', the hash of its adapter_model.safetensors")
        if self.adapter and not self.base:
            raise ValueError("an adapter needs 'base', the model that it was trained on")
        if self.base is None and self.system_prompt is None and not self.control:
            raise ValueError("an organism needs a 'base', a 'system_prompt', or both")
        return self


class OrganismsFile(Content):
    """organisms.yaml"""

    organisms: dict[Name, OrganismSpec] = Field(min_length=1)


class TestbedFile(Content):
    """testbed.yaml"""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    name: Name
    version: str = Field(pattern=r"^\d+\.\d+\.\d+$")
    title: Text
    brief: InnerPath = Field(description="file with the text that opens every audit")
    threat_model: Text
    win_condition: Text
    access: list[Literal["api", "data", "weights"]] = Field(min_length=1)
    license: Text
    source: Text
    bases: dict[Name, BaseSpec] = {}


class Testbed(Content):
    """A testbed folder, read and checked, without its truth."""

    __test__ = False

    folder: Path
    spec: TestbedFile
    organisms: dict[str, OrganismSpec]
    brief: str

    @property
    def name(self) -> str:
        return self.spec.name

    def base_of(self, organism: str) -> BaseSpec | None:
        """The base of an organism, or None when any model may be its base."""
        key = self.organisms[organism].base
        return self.spec.bases[key] if key else None
