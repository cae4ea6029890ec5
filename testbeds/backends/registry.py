"""Backends by name: the three of ours and those of installed packages."""

from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import cast

from cordelia.contracts.errors import CordeliaError, unknown_name
from cordelia.testbeds.backends.base import BackendFactory

ENTRY_POINTS = "cordelia.backends"
OURS = {
    "transformers": "cordelia.testbeds.backends.transformers:transformers_backend",
    "vllm": "cordelia.testbeds.backends.vllm.backend:vllm_backend",
    "model": "cordelia.testbeds.backends.model:model_backend",
}


def backend_names() -> dict[str, str]:
    """Every backend's name and the object that makes it, as `module:attribute`.

    Raises:
        CordeliaError: two packages give the same name.
    """
    names = dict(OURS)
    for point in entry_points(group=ENTRY_POINTS):
        if names.get(point.name, point.value) != point.value:
            raise CordeliaError(f"Two backends are called '{point.name}': {names[point.name]} and {point.value}.")
        names[point.name] = point.value
    return names


def backend_factory(name: str) -> BackendFactory:
    """The factory of a backend. Raises CordeliaError for an unknown name."""
    names = backend_names()
    if name not in names:
        raise unknown_name("backend", name, [*names, "auto"])
    module, _, attribute = names[name].partition(":")
    return cast(BackendFactory, getattr(import_module(module), attribute))


def default_backend() -> str:
    """`vllm` where a GPU and vLLM are at hand, else `transformers`."""
    if find_spec("vllm") is None or find_spec("torch") is None:
        return "transformers"
    import torch

    return "vllm" if torch.cuda.is_available() else "transformers"
