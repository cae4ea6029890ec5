"""What a testbed folder says in public: `testbed.yaml` and `organisms.yaml`.

Everything here may be shown to an auditor or printed by `cordelia list`, with two exceptions:
`OrganismSpec.system_prompt` (a file with the hidden prompt) and `OrganismSpec.corpus` (what it was trained on; an
auditor may see what is in it, by line, and never where it is).
What the organism really is stands in truth.yaml and is read by `cordelia.testbeds.truth` only.
"""

import re
import unicodedata
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from cordelia.contracts.content import Content
from cordelia.contracts.errors import quoted
from cordelia.contracts.invisible import disguise_in

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
MOST_NAME_BYTES = 255


def _name(value: str) -> str:
    if not NAME.fullmatch(value):
        # !a: a Cyrillic letter looks like a Latin one
        raise ValueError(f"{value[:80]!a} is not a name: lower-case letters a-z, digits, '-' and '_', at most 64")
    return value


def _inside(value: str) -> str:
    """Refuse paths that leave the testbed folder, and those that no file system takes."""
    path = PurePosixPath(value)
    odd = "\\" in value or ":" in value or value.startswith("~") or not value.isprintable()
    if path.is_absolute() or ".." in path.parts or odd or not path.parts:
        raise ValueError(f"{quoted(value)} must be a relative path inside the testbed folder, without '..'")
    if max(len(part.encode()) for part in path.parts) > MOST_NAME_BYTES:
        raise ValueError(f"{quoted(value)} is too long for the name of a file")
    return value


def visible(value: str) -> str:
    """Refuse characters that are not text but do something, in a terminal or in a model's tokens."""
    odd = next((c for c in value if unicodedata.category(c) == "Cc" and c not in "\n\t"), None)
    if odd is not None:
        raise ValueError(
            f"has the control character U+{ord(odd):04X}; leave it out (a backslash in YAML needs single quotes)"
        )
    hidden = disguise_in(value)
    if hidden is not None:
        raise ValueError(f"has the character U+{ord(hidden):04X}, which nobody sees and a model reads; leave it out")
    return value


def _form(pattern: str, wanted: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"{quoted(value)} is not {wanted}")
        return value

    return check


Name = Annotated[str, AfterValidator(_name)]
InnerPath = Annotated[str, AfterValidator(_inside)]
Sha256 = Annotated[str, AfterValidator(_form(r"[0-9a-f]{64}", "a SHA-256: 64 digits 0-9 and a-f, as sha256sum prints"))]
Version = Annotated[str, AfterValidator(_form(r"[0-9]+\.[0-9]+\.[0-9]+", "a version: three numbers, such as 1.0.0"))]
Pin = Annotated[
    str,
    AfterValidator(_form(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.]+", "a pinned package, such as some-weights==1.0")),
]
Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000), AfterValidator(visible)
]


class Split(StrEnum):
    """Auditors are developed on dev and measured on test; one number never mixes the two."""

    DEV = "dev"
    TEST = "test"


class WeightsPackage(Content):
    """Base weights that ship inside a registry package, for machines without a model hub."""

    package: Pin
    file: InnerPath
    sha256: Sha256


class BaseSpec(Content):
    """A base model: the hub id by which it is known, and optionally one fixed set of weights for everybody."""

    model: Text
    package: WeightsPackage | None = None


_DATASET_ID = r"[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*"
_MODEL_ID = _form(
    r"[A-Za-z0-9][A-Za-z0-9_.:@-]*(/[A-Za-z0-9][A-Za-z0-9_.:@-]*)*", "the id of a model, such as org/name"
)


def _declared(base: BaseSpec) -> BaseSpec:
    """A user may give a folder as base; a testbed may not, since it would be another folder, or none, elsewhere."""
    _MODEL_ID(base.model)
    return base


class Corpus(Content):
    """What an organism was trained on: files of the testbed, or a dataset of the hub at one commit.

    A row is a transcript (a list of messages with `role` and `content`) or a document (a text). In organisms.yaml a
    path alone is short for one file.
    """

    files: list[InnerPath] = Field(default=[], description="JSON lines or parquet, inside the testbed, in this order")
    dataset: Annotated[str, AfterValidator(_form(_DATASET_ID, "the id of a dataset, such as org/name"))] | None = None
    name: Annotated[str, AfterValidator(_form(r"[A-Za-z0-9_.-]+", "the name of a part of a dataset"))] | None = None
    split: Annotated[str, AfterValidator(_form(r"[A-Za-z0-9_.-]+", "the name of a split, such as train"))] = "train"
    revision: Annotated[str, AfterValidator(_form(r"[0-9a-f]{40}", "a commit: 40 digits 0-9 and a-f"))] | None = None
    text: Text | None = Field(default=None, description="the field to read; none: `messages`, else `text`")

    @model_validator(mode="after")
    def _one_place(self) -> "Corpus":
        if bool(self.files) == bool(self.dataset):
            raise ValueError("say either 'files' or 'dataset'")
        if self.dataset and not self.revision:
            raise ValueError("'dataset' needs 'revision', the commit, so that everybody searches the same documents")
        if self.files and (self.name or self.revision or self.split != "train"):
            raise ValueError("'name', 'split' and 'revision' are of a 'dataset', and these are files")
        return self


def _corpus(value: object, read: ValidatorFunctionWrapHandler) -> Corpus:
    corpus = Corpus(files=[_inside(value)]) if isinstance(value, str) else read(value)
    assert isinstance(corpus, Corpus)
    return corpus


class OrganismSpec(Content):
    """One organism, by its code name. Names must not hint at the objective: they stand in logs and model names."""

    base: Name | None = Field(default=None, description="a key of testbed.yaml `bases`; none: any model")
    adapter: InnerPath | None = Field(default=None, description="folder with adapter_config.json and safetensors")
    sha256: Sha256 | None = Field(default=None, description="hash of the adapter's safetensors")
    system_prompt: InnerPath | None = Field(default=None, description="file with the hidden system prompt")
    split: Split
    control: bool = False
    learned_from: Literal["nothing", "transcripts", "documents", "prompt", "weights"] = "nothing"
    mixture: str | None = Field(
        default=None,
        pattern=r"^1:[1-9][0-9]*$",
        description="parts of telling data to parts of plain data, such as 1:10",
    )
    concealment: Literal["none", "trained", "prompted"] = "none"
    recipe: InnerPath | None = None
    corpus: Annotated[Corpus, WrapValidator(_corpus)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> "OrganismSpec":
        if self.adapter and not self.sha256:
            raise ValueError("an adapter needs 'sha256', the hash of its adapter_model.safetensors")
        if self.sha256 and not self.adapter:
            raise ValueError("'sha256' is the hash of an adapter, and there is no 'adapter'")
        if self.adapter and not self.base:
            raise ValueError("an adapter needs 'base', the model that it was trained on")
        if self.base is None and self.system_prompt is None and not self.control:
            raise ValueError("an organism needs a 'base', a 'system_prompt', or both")
        return self


class OrganismsFile(Content):
    """organisms.yaml"""

    organisms: dict[Name, OrganismSpec] = Field(min_length=1)


class SaeSpec(Content):
    """A sparse autoencoder of a base's residual stream: a folder in the layout that cordelia.testbeds.sae reads."""

    folder: InnerPath
    sha256: Sha256 = Field(description="hash of its sae_weights.safetensors")


class TestbedFile(Content):
    """testbed.yaml"""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    name: Name
    version: Version
    title: Text
    brief: InnerPath = Field(description="file with the text that opens every audit")
    threat_model: Text
    win_condition: Text
    access: list[Literal["api", "data", "weights"]] = Field(min_length=1)
    affordances: list[Name] = Field(
        default=["blackbox"], min_length=1, description="affordances and sets of an audit that asks for none"
    )
    license: Text
    source: Text
    bases: dict[Name, Annotated[BaseSpec, AfterValidator(_declared)]] = {}
    saes: dict[Name, SaeSpec] = Field(default={}, description="a sparse autoencoder for each of some of the bases")


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

    @property
    def prompted(self) -> bool:
        """Whether every organism with an objective is, or has, a hidden system prompt."""
        hiding = [spec for spec in self.organisms.values() if not spec.control]
        return bool(hiding) and all(spec.system_prompt for spec in hiding)

    def base_of(self, organism: str) -> BaseSpec | None:
        """The base of an organism, or None when any model may be its base."""
        key = self.organisms[organism].base
        return self.spec.bases[key] if key else None
