"""Backend arguments arrive as words from a command line; one model per backend says what they must be."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from cordelia.contracts.errors import CordeliaError

A = TypeVar("A", bound="BackendArgs")


class BackendArgs(BaseModel):
    """Base of each backend's arguments: unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def parse_args(model: type[A], backend: str, args: dict[str, object]) -> A:
    """The arguments of a backend. Raises CordeliaError naming the argument and the known ones."""
    try:
        return model.model_validate(args)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        known = ", ".join(sorted(model.model_fields)) or "none"
        problem = "is not known" if first["type"] == "extra_forbidden" else f"is wrong: {first['msg']}"
        raise CordeliaError(
            f"The argument '{name}' of the backend '{backend}' {problem}. Its arguments: {known}."
        ) from error
