"""Content files, read strictly: plain data only, no unknown keys, no surprise sizes.

A testbed folder may come from anybody. So nothing in it is executed, a file that is too large or no plain data is
refused (`cordelia.contracts.plain`), and every problem is reported with the file and the key that has it.
"""

import io
from pathlib import Path
from typing import TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from cordelia.contracts.errors import ContentError
from cordelia.contracts.plain import NotPlainError, plain_json, plain_yaml
from cordelia.contracts.wording import problem_of

MAX_YAML_BYTES = 2_000_000

M = TypeVar("M", bound=BaseModel)


class Content(BaseModel):
    """Base of every model that is read from a content file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def file_problem(path: Path) -> str | None:
    """Why `path` cannot be read as a file: missing, a folder, or a device that could be read for ever. None: it can."""
    if path.is_file():
        return None
    if not path.exists():
        return "this file is missing"
    return "is a folder, and a file is wanted" if path.is_dir() else "is not an ordinary file"


def read_text(path: Path, limit: int = MAX_YAML_BYTES) -> str:
    """The text of a UTF-8 file, with or without a byte order mark.

    Raises:
        ContentError: the file is missing, larger than `limit` bytes, not UTF-8, or has a NUL in it.
    """
    problem = file_problem(path)
    if problem is not None:
        raise ContentError(path, problem)
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise ContentError(path, f"cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise ContentError(path, f"larger than {limit:,} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContentError(path, f"not UTF-8 (byte {error.start}); save it as UTF-8") from error
    if "\0" in text:
        raise ContentError(path, f"a NUL at character {text.index(chr(0)) + 1}; this is not a text file")
    return io.StringIO(text, newline=None).read()


def read_yaml(path: Path) -> object:
    """The plain data in a YAML file, None when it holds nothing.

    Raises:
        ContentError: missing, too large, not YAML, or YAML that `plain_yaml` refuses.
    """
    try:
        return plain_yaml(read_text(path))
    except NotPlainError as error:
        raise ContentError(path, str(error)) from error


def read_json(path: Path, limit: int = MAX_YAML_BYTES) -> object:
    """The data in a JSON file. Raises ContentError."""
    try:
        return plain_json(read_text(path, limit))
    except NotPlainError as error:
        raise ContentError(path, str(error)) from error


def parse(model: type[M], data: object, path: Path) -> M:
    """`data` as a `model`, or one error that names the file, the key and what the key wants.

    Raises:
        ContentError: the first thing that does not fit.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        loc = tuple(part for part in first["loc"] if part != "[key]")  # pydantic's word for: it is the key itself
        key = ".".join(str(part) for part in loc) or "top level"
        more = len(error.errors()) - 1
        problem = problem_of(first, _known_keys(model, loc))
        raise ContentError(path, problem + (f" (and {more} more)" if more else ""), key) from error


def load(model: type[M], path: Path) -> M:
    """Read a YAML file as a `model`. Raises ContentError."""
    return parse(model, read_yaml(path), path)


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys of the (possibly nested) model in which `loc`'s last key is unknown."""
    current: type[BaseModel] = model
    annotation: object = model
    for part in loc[:-1]:
        if annotation is current:
            field = current.model_fields.get(str(part))
            annotation = field.annotation if field else None
        else:  # a key of a mapping or an index of a list, whose values are the model that was found inside
            annotation = current
        found = _model_in(annotation)
        if found is not None:
            current = found
            if not _is_container(annotation):
                annotation = current
    return sorted(field.alias or name for name, field in current.model_fields.items())


def _is_container(annotation: object) -> bool:
    return get_origin(annotation) in {dict, list, tuple}


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The first model class inside an annotation such as `dict[str, Model]` or `Model | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = _model_in(argument)
        if found is not None:
            return found
    return None
