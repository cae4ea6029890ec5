"""Cordelia: measure how well an auditor finds out what a model really wants.

The names below are what somebody else's tool, auditor or backend may build on; docs/extending.md shows each at work.
They are looked up when they are first used, so that `import cordelia` stays cheap for the processes that need none of
them (the guard of a vLLM server is one).
"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cordelia.contracts.errors import CordeliaError
    from cordelia.contracts.record import TargetMessage
    from cordelia.contracts.report import Hypothesis, Report
    from cordelia.solvers.equip import audit_tools
    from cordelia.solvers.helper import ask_helper
    from cordelia.solvers.show import show_message
    from cordelia.solvers.submit import submit_report
    from cordelia.solvers.target import Target
    from cordelia.testbeds.backends.base import (
        Backend,
        BackendFactory,
        LikelihoodRequest,
        ServedOrganism,
        TargetBusy,
        TargetError,
        TargetRequest,
    )
    from cordelia.testbeds.capabilities import Capability, Mode

try:
    __version__ = version("cordelia")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0.0.0"

__all__ = [
    "Backend",
    "BackendFactory",
    "Capability",
    "CordeliaError",
    "Hypothesis",
    "LikelihoodRequest",
    "Mode",
    "Report",
    "ServedOrganism",
    "Target",
    "TargetBusy",
    "TargetError",
    "TargetMessage",
    "TargetRequest",
    "__version__",
    "ask_helper",
    "audit_tools",
    "show_message",
    "submit_report",
]

_HOMES = {
    "cordelia.contracts.errors": ("CordeliaError",),
    "cordelia.contracts.record": ("TargetMessage",),
    "cordelia.contracts.report": ("Hypothesis", "Report"),
    "cordelia.solvers.show": ("show_message",),
    "cordelia.solvers.equip": ("audit_tools",),
    "cordelia.solvers.helper": ("ask_helper",),
    "cordelia.solvers.submit": ("submit_report",),
    "cordelia.solvers.target": ("Target",),
    "cordelia.testbeds.backends.base": (
        "Backend",
        "BackendFactory",
        "LikelihoodRequest",
        "ServedOrganism",
        "TargetBusy",
        "TargetError",
        "TargetRequest",
    ),
    "cordelia.testbeds.capabilities": ("Capability", "Mode"),
}

if not TYPE_CHECKING:  # a type checker would take any name for one that this function knows

    def __getattr__(name: str) -> object:
        for module, names in _HOMES.items():
            if name in names:
                return getattr(import_module(module), name)
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'. Public names: {', '.join(__all__)}")
