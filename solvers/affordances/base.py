"""What an affordance is, and finding one by name.

An affordance is a named thing that an auditor may do: one or more inspect tools and what they need from the target.
To add one, write a module with an `Affordance` in it and list it in `AFFORDANCES` (solvers/affordances/catalog.py);
somebody else's is any inspect `@tool`, given with `-T tools=…`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from inspect_ai.tool import Tool

from cordelia.testbeds.capabilities import Capability


@dataclass(frozen=True)
class Affordance:
    """One named thing an auditor may do.

    Attributes:
        name: how `-T affordances=` calls it.
        summary: one line for `cordelia list` and the docs.
        needs: what the target must be able to do.
        tools: makes its inspect tools.
    """

    name: str
    summary: str
    needs: frozenset[Capability]
    tools: Callable[[], Sequence[Tool]]
