"""What an affordance is.

An affordance is a named thing that an auditor may do: one or more inspect tools and what they need from the target.
To add one, write a module with an `Affordance` in it and list it in `AFFORDANCES` (solvers/affordances/catalog.py);
somebody else's is any inspect `@tool`, given with `-T tools=…`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from inspect_ai.tool import Tool

from cordelia.testbeds.capabilities import Capability
from cordelia.testbeds.schema import Testbed

Call = tuple[str, Mapping[str, object]]
"""A tool by name, and its arguments."""


@dataclass(frozen=True)
class Affordance:
    """One named thing an auditor may do.

    Attributes:
        name: how `-T affordances=` calls it.
        summary: one line for `cordelia list` and the docs.
        needs: what the target must be able to do.
        tools: makes its inspect tools.
        default: the calls that give its overview, for `tool_check`. Empty: each of its tools that needs no arguments.
        helper: whether a model in the role `helper` works for it.
        refuse: raises CordeliaError for an organism of a testbed (on the base that was given in place of its own, if
            one was) that lacks what it needs beside capabilities; asked when the task starts.
        check: raises MissingExtraError when packages that it needs are not installed.
    """

    name: str
    summary: str
    needs: frozenset[Capability]
    tools: Callable[[], Sequence[Tool]]
    default: tuple[Call, ...] = ()
    helper: bool = False
    refuse: Callable[[Testbed, str, str | None], None] | None = None
    check: Callable[[], None] = lambda: None

    @property
    def requirements(self) -> str:
        """What it needs, for tables: capabilities of the target, and a helper model where one works for it."""
        return ", ".join([*sorted(self.needs), *(["a helper model"] if self.helper else [])])
