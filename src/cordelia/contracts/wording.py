"""What is wrong with a value, in words that say what to write instead.

Pydantic's own messages name Python types and patterns; whoever writes a testbed thinks in YAML.
"""

from collections.abc import Callable, Sequence

from pydantic_core import ErrorDetails

from cordelia.contracts.errors import quoted

_MAP = "a map of keys and values"
_WANTED = {
    "string_type": "a valid string",
    "model_type": _MAP,
    "model_attributes_type": _MAP,
    "dict_type": _MAP,
    "list_type": "a list",
    "tuple_type": "a list",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a valid integer",
    "int_parsing": "a valid integer",
    "int_parsing_size": "a valid integer",
    "int_from_float": "a valid integer",
    "float_type": "a valid number",
    "float_parsing": "a valid number",
}


def problem_of(error: ErrorDetails, known_keys: Sequence[str]) -> str:
    """One of pydantic's errors as what is wrong and what to write; `known_keys` are those of the model it is in."""
    kind, value, limits = error["type"], error["input"], error.get("ctx", {})
    if kind == "model_type" and not error["loc"]:
        return f"Input should be a map with the keys {', '.join(known_keys)}, not {described(value)}"
    if kind in _WANTED:
        written = str(value).lower() if isinstance(value, bool) else str(value)
        hint = f"; put it in quotes: '{written}'" if kind == "string_type" and isinstance(value, int | float) else ""
        return f"Input should be {_WANTED[kind]}, not {described(value)}{hint}"
    own: dict[str, Callable[[], str]] = {
        "extra_forbidden": lambda: f"unknown key. Known keys: {', '.join(known_keys)}",
        "missing": lambda: "this key is missing",
        "enum": lambda: f"Input should be {limits['expected']}, not {described(value)}",
        "literal_error": lambda: f"Input should be {limits['expected']}, not {described(value)}",
        "too_short": lambda: f"Input should have {limits['min_length']} or more, not {limits['actual_length']}",
        "string_too_short": lambda: "Input should not be empty",
        "string_too_long": lambda: f"Input is longer than {limits['max_length']:,} characters",
        "string_unicode": lambda: "Input has half of a surrogate pair; write the character itself",
        "value_error": lambda: error["msg"].removeprefix("Value error, "),
    }
    return own[kind]() if kind in own else f"{error['msg']}, not {described(value)}"


def described(value: object) -> str:
    """A value in an error message: itself if it is short, what it is otherwise."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    return {type(None): "nothing", list: "a list", dict: "a map"}.get(type(value), "this")
