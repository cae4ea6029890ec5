"""Content files, read strictly: safe YAML only, no duplicate keys, no unknown keys, no surprise sizes.

A testbed folder may come from anybody. So nothing in it is executed (no YAML tags, no pickles), a file that expands
(aliases) or is too large is refused, and every problem is reported with the file and the key that has it.
"""

from collections.abc import Hashable
from pathlib import Path
from typing import TypeVar, cast, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from cordelia.contracts.errors import ContentError

MAX_YAML_BYTES = 2_000_000

M = TypeVar("M", bound=BaseModel)


class Content(BaseModel):
    """Base of every model that is read from a content file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML that refuses duplicate keys, aliases and explicit tags."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.events.AliasEvent):
            raise _refused("aliases (*name) are not allowed; write the value out", event)
        if getattr(event, "tag", None) is not None:
            raise _refused(f"tags are not allowed; leave '{event.tag}' out", event)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _refused(problem: str, event: yaml.events.Event) -> yaml.constructor.ConstructorError:
    mark = cast("yaml.error.Mark | None", event.start_mark)  # the C parser's mark has the same fields
    return yaml.constructor.ConstructorError(None, None, problem, mark)


def read_text(path: Path, limit: int = MAX_YAML_BYTES) -> str:
    """The text of a UTF-8 file.

    Raises:
        ContentError: the file is missing, larger than `limit` bytes, or not UTF-8.
    """
    if not path.is_file():
        raise ContentError(path, "this file is missing")
    if path.stat().st_size > limit:
        raise ContentError(path, f"larger than {limit:,} bytes")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ContentError(path, f"not UTF-8 (byte {error.start})") from error


def read_yaml(path: Path) -> object:
    """The plain data in a YAML file.

    Raises:
        ContentError: missing, too large, not YAML, uses tags or aliases, or repeats a key.
    """
    text = read_text(path)
    try:
        return yaml.load(text, Loader=_StrictLoader)  # a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ContentError(path, f"{error.problem or 'not YAML'}{where}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ContentError(path, f"not YAML that can be read: {error}") from error


def parse(model: type[M], data: object, path: Path) -> M:
    """`data` as a `model`, or one error that names the file, the key and what the key wants.

    Raises:
        ContentError: the first thing that does not fit.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "top level"
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            problem = f"unknown key. Known keys: {', '.join(_known_keys(model, first['loc']))}"
        elif first["type"] == "missing":
            problem = "this key is missing"
        more = len(error.errors()) - 1
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
