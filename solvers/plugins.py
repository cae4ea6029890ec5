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
        CordeliaError: there is no such tool, or it cannot be made without arguments.
    """
    if "@" in name:
        path, _, attribute = name.rpartition("@")
        return _from_file(Path(path).expanduser().resolve(), attribute)
    if "/" not in name:
        raise CordeliaError(f"'{name}' is not a tool; write -T tools=<package>/<tool> or <path>.py@<tool>.")
    try:
        return registry_create("tool", name)
    except Exception as error:  # it is somebody else's code
        raise CordeliaError(
            f"The tool '{name}' cannot be made: {type(error).__name__}: {error}. Is its package installed, with an "
            "`inspect_ai` entry point?"
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
        made = factory()
        ToolDef(made)  # refuses what is no tool of inspect's
        return cast(Tool, made)
    except Exception as error:
        raise CordeliaError(
            f"The tool '{attribute}' of {path} cannot be made without arguments: {type(error).__name__}: {error}"
        ) from error
