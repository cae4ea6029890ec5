"""Other people's tools and files: `pkg/tool` from an installed package, or `path/to/file.py@tool`."""

import sys
from hashlib import sha256
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import cast

from inspect_ai.tool import Tool, ToolDef
from inspect_ai.util import registry_create

from cordelia.contracts.errors import CordeliaError


def load_tool(name: str) -> Tool:
    """Make an inspect `@tool` by name.

    Raises:
        CordeliaError: there is no such tool, it cannot be made without arguments, or no model could be offered it.
    """
    if "@" in name:
        path, _, attribute = name.rpartition("@")
        return _from_file(Path(path).expanduser().resolve(), attribute)
    if "/" not in name:
        raise CordeliaError(f"'{name}' is not a tool; write -T tools=<package>/<tool> or <path>.py@<tool>.")
    try:
        made = registry_create("tool", name)
    except Exception as error:  # it is somebody else's code
        raise CordeliaError(
            f"The tool '{name}' cannot be made: {type(error).__name__}: {error}. Is its package installed, with an "
            "`inspect_ai` entry point?"
        ) from error
    try:
        return _offerable(made)
    except Exception as error:
        raise CordeliaError(
            f"No model can be offered the tool '{name}': {type(error).__name__}: {error} Document what it does, and "
            "each argument under 'Args:'."
        ) from error


def module_of(path: Path) -> ModuleType:
    """A Python file as a module, loaded once a process. Raises CordeliaError."""
    module_name = f"cordelia_file_{sha256(str(path).encode()).hexdigest()[:12]}"
    if module_name not in sys.modules:
        spec = spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise CordeliaError(f"{path} is not a Python file.")
        module = module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            del sys.modules[module_name]
            raise CordeliaError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    return sys.modules[module_name]


def _from_file(path: Path, attribute: str) -> Tool:
    if not path.is_file():
        raise CordeliaError(f"There is no file {path} (from -T tools={path}@{attribute}).")
    factory = getattr(module_of(path), attribute, None)
    if not callable(factory):
        raise CordeliaError(f"{path} has no tool '{attribute}': a function with inspect's @tool above it.")
    try:
        return _offerable(factory())
    except Exception as error:
        raise CordeliaError(
            f"The tool '{attribute}' of {path} cannot be made without arguments: {type(error).__name__}: {error}"
        ) from error


def _offerable(made: object) -> Tool:
    """What was made, if it is a tool with all that a model is told of one; else raises what inspect says of it."""
    tool = cast(Tool, made)
    ToolDef(tool)
    return tool
