"""Text that may come from anybody, as plain data: YAML and JSON of which only the harmless part is read.

YAML is read with JSON's scalars: without quotes, what JSON writes as a number, `true`, `false` or `null` is that, and
everything else is text. So `no`, `on`, `1:10`, `010` and `2024-01-01` are the words that somebody wrote, where YAML 1.1
makes booleans, 70, 8 and a date of them. Refused are tags (they could run code), anchors and aliases (a few lines could
fill the memory), directives, several documents in one file, keys that are no text or stand twice, and data that is too
deep or has too many values. Parsing is libyaml's where PyYAML has it, and ends at the first such thing.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import cast

import yaml

MAX_VALUES = 50_000
MAX_DEPTH = 40

_CONSTANTS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?")
_OFFICIAL = "tag:yaml.org,2002:"
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class NotPlainError(ValueError):
    """The text is not plain data. The message says what is wrong and where, on one line."""


def plain_yaml(text: str) -> object:
    """The data in a YAML text; None when it holds nothing.

    Raises:
        NotPlainError: it is not YAML, or YAML that is refused.
    """
    if directive := _DIRECTIVE.search(text):
        line = text.count("\n", 0, directive.start()) + 1
        raise NotPlainError(f"directives (%…) are not allowed; leave the line out (line {line}, column 1)")
    try:
        return _Builder(yaml.parse(text, Loader=_LOADER)).document()
    except yaml.MarkedYAMLError as error:
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise NotPlainError(f"not YAML: {said}{_where(error.problem_mark)}") from error
    except yaml.reader.ReaderError as error:
        raise NotPlainError(f"not YAML: {error.reason} (character {error.position + 1})") from error


def plain_json(text: str) -> object:
    """The data in a JSON text.

    Raises:
        NotPlainError: it is not JSON, has a key twice, a number that JSON does not know, or nests without end.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise NotPlainError(f"not JSON: {error.msg} (line {error.lineno}, column {error.colno})") from error
    except RecursionError as error:
        raise NotPlainError("not JSON that can be read: it nests too deep") from error
    except NotPlainError:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise NotPlainError(f"not JSON that can be read: {error}") from error


class _Builder:
    """Data from parser events, which arrive one by one: what is refused ends the parsing there."""

    def __init__(self, events: Iterator[yaml.events.Event]) -> None:
        self._events = events
        self._values = 0

    def document(self) -> object:
        data: object = None
        seen = False
        for event in self._events:
            if isinstance(event, yaml.events.DocumentStartEvent):
                if seen:
                    raise _refused("a second document begins; a file holds one, so leave the '---' out", event)
                seen = True
                data = self._value(next(self._events), 0)
        return data

    def _value(self, event: yaml.events.Event, depth: int) -> object:
        self._check(event, depth)
        if isinstance(event, yaml.events.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.events.SequenceStartEvent):
            return list(self._items(depth))
        return self._mapping(depth)

    def _items(self, depth: int) -> Iterator[object]:
        while not isinstance(event := next(self._events), yaml.events.SequenceEndEvent):
            yield self._value(event, depth + 1)

    def _mapping(self, depth: int) -> dict[str, object]:
        made: dict[str, object] = {}
        while not isinstance(event := next(self._events), yaml.events.MappingEndEvent):
            if not isinstance(event, yaml.events.ScalarEvent):
                self._check(event, depth)
                raise _refused("a key must be text, not a list or a map", event)
            key = self._value(event, depth + 1)
            if not isinstance(key, str):
                raise _refused(f"a key must be text; put quotes around it: '{event.value}'", event)
            if key in made:
                raise _refused(f"the key '{key}' stands twice", event)
            made[key] = self._value(next(self._events), depth + 1)
        return made

    def _check(self, event: yaml.events.Event, depth: int) -> None:
        self._values += 1
        if self._values > MAX_VALUES:
            raise _refused(f"more than {MAX_VALUES:,} values", event)
        if depth > MAX_DEPTH:
            raise _refused(f"nested more than {MAX_DEPTH} deep", event)
        if isinstance(event, yaml.events.NodeEvent) and event.anchor is not None:
            raise _refused("anchors (&name) and aliases (*name) are not allowed; write the value out", event)
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _refused(f"tags are not allowed; leave '{tag.replace(_OFFICIAL, '!!')}' out", event)


def _scalar(event: yaml.events.ScalarEvent) -> object:
    value = str(event.value)
    if not event.implicit[0]:  # quoted, or a block: text, whatever it looks like
        return value
    if value in _CONSTANTS:
        return _CONSTANTS[value]
    if _INTEGER.fullmatch(value):
        return int(value)
    number = float(value) if _NUMBER.fullmatch(value) else math.inf
    return number if math.isfinite(number) else value


def _refused(problem: str, event: yaml.events.Event) -> NotPlainError:
    mark = cast("yaml.error.Mark | None", event.start_mark)  # the C parser's mark has the same fields
    return NotPlainError(f"{problem}{_where(mark)}")


def _where(mark: yaml.error.Mark | None) -> str:
    return f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made: dict[str, object] = {}
    for key, value in pairs:
        if key in made:
            raise NotPlainError(f"the key '{key}' stands twice")
        made[key] = value
    return made


def _no_constant(name: str) -> object:
    raise NotPlainError(f"{name} is not a number in JSON")
