"""The sweep file: who audits, with what, whom, and how often.

Short forms stand for long ones and are written out before anything is checked, so that an error names the key of the
long form: a testbed's name for a map, a list of affordances for a set, one budget for one without a name.
"""

from hashlib import sha256
from os.path import relpath
from pathlib import Path
from typing import Annotated, Literal

from inspect_ai.model import GenerateConfig, ModelCost
from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, PrivateAttr, field_validator, model_validator

from cordelia.contracts.content import Content, load
from cordelia.contracts.errors import ContentError, CordeliaError, quoted, unknown_name
from cordelia.contracts.secret_keys import looks_secret
from cordelia.contracts.verdict import THRESHOLD
from cordelia.solvers.affordances.catalog import choose
from cordelia.testbeds.schema import Name, Split, Text

Arguments = dict[str, JsonValue]
Scalars = dict[str, str | int | float | bool]
Whole = Annotated[int, Field(strict=True)]
"""Strict: YAML's `true` is no 1."""

ROLES = ("grader", "helper")
"""The model roles that an audit asks for. Any other would be bound to nothing, and nobody would notice."""


def _known_role(role: str) -> str:
    if role not in ROLES:
        raise ValueError(unknown_name("model role", role, ROLES).text)
    return role


def _models(value: object) -> object:
    """Refuses in words what is neither a model nor several."""
    if not value or not all(isinstance(each, str) for each in (value if isinstance(value, list) else [value])):
        raise ValueError("should be a model (<provider>/<model>), or a list of models; leave the role out for none")
    return value


Role = Annotated[str, AfterValidator(_known_role)]
Roles = dict[Role, Annotated[Text | list[Text], BeforeValidator(_models)]]


def _no_secrets(arguments: object) -> object:
    secret = next((key for key in arguments if looks_secret(str(key))), None) if isinstance(arguments, dict) else None
    if secret is not None:
        raise ValueError(f"{quoted(str(secret))} would be written to the logs; give it in the environment")
    return arguments


class Auditor(Content):
    """One auditor: a solver with its arguments, and its model."""

    name: Name
    solver: Text | None = Field(default=None, description="as --solver takes it; none: the default auditor")
    args: Annotated[Arguments, BeforeValidator(_no_secrets)] = {}
    model: Text = Field(description="any inspect model, or none")
    model_args: Annotated[Arguments, BeforeValidator(_no_secrets)] = {}
    generate: Arguments = Field(default={}, description="how the model generates: temperature, max_tokens …")
    model_roles: Roles = {}

    @field_validator("generate")
    @classmethod
    def _known(cls, value: Arguments) -> Arguments:
        unknown = sorted(set(value) - set(GenerateConfig.model_fields))
        if unknown:
            raise ValueError(f"inspect's GenerateConfig has no {quoted(unknown[0])}")
        GenerateConfig.model_validate(value)
        return value

    @model_validator(mode="after")
    def _whole(self) -> "Auditor":
        if self.args and self.solver is None:
            raise ValueError("'args' are of a 'solver', and none is given; write solver: cordelia/investigator")
        return self


class AffordanceSet(Content):
    """What an auditor may do: affordances and affordance sets by name, and other people's tools."""

    affordances: list[Text] = Field(min_length=1)
    tools: list[Text] = []

    @field_validator("affordances")
    @classmethod
    def _exist(cls, value: list[str]) -> list[str]:
        try:
            choose(value)
        except CordeliaError as error:
            raise ValueError(str(error)) from error
        return value


class Bed(Content):
    """A testbed, which of its organisms, and who serves them."""

    testbed: Text = Field(description="a name, or a folder as seen from the sweep file")
    base: Text | None = None
    organisms: list[Name] | None = Field(default=None, min_length=1)
    split: Split | None = None
    backend: Text = "auto"
    backend_args: Annotated[Scalars, BeforeValidator(_no_secrets)] = {}


class Budget(Content):
    """What an audit may spend."""

    target_queries: Whole | None = Field(default=None, gt=0)
    auditor_tokens: Whole | None = Field(default=None, gt=0)
    helper_tokens: Whole | None = Field(default=None, gt=0)


class Price(Content):
    """What a model costs, in dollars a million tokens. What is read from or written to a cache costs as input does."""

    input: float = Field(ge=0, strict=True, allow_inf_nan=False)
    output: float = Field(ge=0, strict=True, allow_inf_nan=False)
    input_cache_write: float | None = Field(default=None, ge=0, strict=True, allow_inf_nan=False)
    input_cache_read: float | None = Field(default=None, ge=0, strict=True, allow_inf_nan=False)

    @property
    def cost(self) -> ModelCost:
        write, read = self.input_cache_write, self.input_cache_read
        return ModelCost(
            input=self.input,
            output=self.output,
            input_cache_write=self.input if write is None else write,
            input_cache_read=self.input if read is None else read,
        )


def _named_sets(value: object) -> object:
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list):
        return {str(name): {"affordances": [name]} for name in value}
    if isinstance(value, dict):
        return {
            name: {"affordances": members} if isinstance(members, list) else members for name, members in value.items()
        }
    return value


def _beds(value: object) -> object:
    listed = value if isinstance(value, list) else [value]
    return [{"testbed": each} if isinstance(each, str) else each for each in listed]


def _named_budgets(value: object) -> object:
    if isinstance(value, dict) and not all(isinstance(each, dict) for each in value.values()):
        return {"all": value}
    return value


class Sweep(Content):
    """A sweep file."""

    name: Name
    auditors: list[Auditor] = Field(min_length=1)
    affordances: Annotated[dict[Name, AffordanceSet], BeforeValidator(_named_sets), Field(min_length=1)]
    testbeds: Annotated[list[Bed], BeforeValidator(_beds), Field(min_length=1)]
    budgets: Annotated[dict[Name, Budget], BeforeValidator(_named_budgets), Field(min_length=1)] = {"all": Budget()}
    epochs: Whole = Field(default=1, gt=0)
    grader: Literal["auto", "model", "offline"] = "auto"
    model_roles: Roles = Field(default={}, description="of every auditor that does not bind them itself")
    threshold: Whole = Field(default=THRESHOLD, ge=1, le=5)
    prices: dict[Text, Price] = Field(default={}, description="of models whose price inspect does not know")
    max_samples: Whole | None = Field(default=None, gt=0, description="how many audits at once")
    max_tasks: Whole = Field(default=1, gt=0, description="how many cells at once")
    retries: Whole = Field(default=2, ge=0, description="how often what failed is tried again")
    _folder: Path | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _named_apart(self) -> "Sweep":
        names = [auditor.name for auditor in self.auditors]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two auditors are called '{twice}'")
        return self

    def called(self, spec: str) -> str:
        """A solver or tool by one name on every machine: a file as it is seen from the sweep file."""
        path, at, name = spec.rpartition("@")
        return f"{relpath(path, self._folder)}@{name}" if at and self._folder is not None else spec


def read_sweep(file: Path) -> Sweep:
    """A sweep file, with its paths made absolute: they are written as seen from the file.

    Raises:
        ContentError: with the file and the key that is wrong.
    """
    sweep = load(Sweep, file)
    here = file.resolve().parent
    placed = sweep.model_copy(
        update={
            "testbeds": [bed.model_copy(update={"testbed": _placed(bed.testbed, here)}) for bed in sweep.testbeds],
            "auditors": [
                auditor.model_copy(update={"solver": _spec(auditor.solver, here, file, f"auditors.{number}.solver")})
                for number, auditor in enumerate(sweep.auditors)
            ],
            "affordances": {
                name: each.model_copy(
                    update={"tools": [_spec(tool, here, file, f"affordances.{name}.tools") for tool in each.tools]}
                )
                for name, each in sweep.affordances.items()
            },
        }
    )
    placed._folder = here  # what a sweep calls its files by must not change with the machine
    return placed


def content_of(spec: str | None) -> str:
    """SHA-256 of the file in `path.py@name`; empty for a registered name, and for a file that is gone."""
    path, at, _ = (spec or "").rpartition("@")
    return sha256(Path(path).read_bytes()).hexdigest() if at and Path(path).is_file() else ""


def _placed(testbed: str, here: Path) -> str:
    """A folder as seen from `here`; a name stays one."""
    looks_like_path = "/" in testbed or testbed in {".", ".."} or testbed.startswith("~")
    return str((here / Path(testbed).expanduser()).resolve()) if looks_like_path else testbed


def _spec(spec: str | None, here: Path, file: Path, key: str) -> str | None:
    """`path.py@name` with the path as seen from `here`; a registered name stays one."""
    if spec is None or "@" not in spec:
        return spec
    path, _, name = spec.rpartition("@")
    place = (here / Path(path).expanduser()).resolve()
    if not place.is_file():
        raise ContentError(file, f"there is no file {place}", key)
    return f"{place}@{name}"
