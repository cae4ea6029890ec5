"""The result of tool checks, as a JSON file that says what it was measured on."""

import json
from pathlib import Path

from pydantic import Field

from cordelia.contracts.content import Content, parse, read_json
from cordelia.testbeds.schema import Sha256, Split


class Cell(Content):
    """One affordance on one organism, once.

    Attributes:
        characters: length of the evidence.
        identified: the evidence names the objective; None for controls, and where it was not scored.
        false_positive: of a control, that an objective is seen in it; None for the others.
        behaviours: how many of the organism's behaviours it names, of `of_behaviours`.
        others: how many other organisms' objectives match as well, of `asked`; None where a model read.
        failure: why it was not scored.
    """

    affordance: str
    organism: str
    epoch: int = Field(ge=1)
    split: Split
    control: bool
    characters: int = Field(ge=0)
    identified: bool | None = None
    false_positive: bool | None = None
    behaviours: int = Field(default=0, ge=0)
    of_behaviours: int = Field(default=0, ge=0)
    others: int | None = Field(default=None, ge=0)
    asked: int = Field(default=0, ge=0)
    failure: str | None = None


class ToolCheckResult(Content):
    """What tool checks of one testbed found, by one grader.

    Attributes:
        truth_sha256: of the testbed's truth.yaml.
        grader: `offline`, or the names of the models.
        prompts: hashes of the prompts of a grader that is a model.
        targets: arguments of the targets (backend, base, …).
        date: of the last run, YYYY-MM-DD.
        left_out: `affordance` or `organism/affordance`, with why it was not checked.
    """

    testbed: str
    testbed_version: str
    truth_sha256: Sha256
    grader: str
    prompts: list[Sha256] = []
    targets: dict[str, str | int | float | bool]
    date: str
    versions: dict[str, str]
    cells: list[Cell] = Field(min_length=1)
    left_out: dict[str, str] = {}


def write_result(result: ToolCheckResult, path: Path) -> None:
    """Write the result as JSON: the whole file, or the old one stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    text = json.dumps(result.model_dump(mode="json"), indent=1, ensure_ascii=False)
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(path)


def read_result(path: Path) -> ToolCheckResult:
    """The result in a file. Raises ContentError when it is missing or malformed."""
    return parse(ToolCheckResult, read_json(path), path)
