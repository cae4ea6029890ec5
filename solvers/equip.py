"""Setting up an audit: the record, the target, and the tools, for whichever solver plays the auditor."""

from collections.abc import Sequence

from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import Tool, ToolDef
from inspect_ai.util import store_as
from pydantic import ValidationError

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.record import AuditRecord, Budget
from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.catalog import choose
from cordelia.solvers.affordances.read_evidence import read_evidence
from cordelia.solvers.helper import refuse_missing_helper
from cordelia.solvers.plugins import load_tool
from cordelia.solvers.submit import submit_report
from cordelia.solvers.target import refuse_bound_roles


@solver
def equip(
    testbed: str,
    affordances: list[str],
    testbed_folder: str | None = None,
    tools: list[str] | None = None,
    target_args: dict[str, str | int | float | bool] | None = None,
    auditor_tokens: int | None = None,
    helper_tokens: int | None = None,
    target_queries: int | None = None,
) -> Solver:
    """Setup step of every audit: fills the sample's AuditRecord and offers its tools.

    It runs also when the auditor is replaced by `--solver`. A solver that uses `state.tools` finds the tools there;
    an agent gets them from `audit_tools()`.

    Args:
        testbed: name of the testbed.
        affordances: names of affordances.
        testbed_folder: its folder, when it is not known by name.
        tools: other people's tools, as inspect names them.
        target_args: arguments of the target's model (backend, base, …).
        auditor_tokens, helper_tokens, target_queries: the budget; None is without limit.
    """
    budget = _budget(auditor_tokens=auditor_tokens, helper_tokens=helper_tokens, target_queries=target_queries)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        record = store_as(AuditRecord)
        record.testbed = testbed  # first, so that scores say of whom an audit was that could not be set up
        record.testbed_folder = testbed_folder or ""
        record.organism = str(state.sample_id)
        record.epoch = state.epoch
        refuse_bound_roles()
        chosen = choose(affordances)
        refuse_missing_helper(chosen)
        record.affordances = [affordance.name for affordance in chosen]
        record.tools = list(tools or [])
        record.target_args = dict(target_args or {})
        record.budget = budget.model_copy()
        state.tools = [*audit_tools(), submit_report()]
        return state

    return solve


def _budget(**limits: int | None) -> Budget:
    """The budget, checked before anything starts. Raises CordeliaError, by the name of the limit."""
    try:
        return Budget.model_validate(limits)
    except ValidationError as error:
        first = error.errors()[0]
        raise CordeliaError(f"-T {first['loc'][0]}={first['input']}: {first['msg']}.") from error


def refuse_taken_names(affordances: Sequence[Affordance], tools: Sequence[str]) -> None:
    """Refuse other people's tools that cannot be made, and those whose name the audit has taken: no call reaches them.

    Args:
        affordances: of the audit.
        tools: other people's tools, as inspect names them.

    Raises:
        CordeliaError: the first of them, with what to do.
    """
    if not tools:
        return
    rename = 'Give it a name of its own: @tool(name="…")'
    held = {
        ToolDef(tool).name: (f"the affordance '{each.name}'", f"{rename}, or leave out the affordance.")
        for each in affordances
        for tool in each.tools()
    }
    held |= {ToolDef(tool).name: ("a tool of every audit", f"{rename}.") for tool in (read_evidence(), submit_report())}
    for name in tools:
        called = ToolDef(load_tool(name)).name
        if called in held:
            holder, remedy = held[called]
            raise CordeliaError(
                f"-T tools={name}: the tool is called '{called}', as is {holder}; auditors could reach only one of "
                f"them. {remedy}"
            )
        held[called] = (f"the tool '{name}'", f"{rename}, or name it once.")


def audit_tools() -> list[Tool]:
    """The tools of the audit that runs: its affordances', re-reading, and other people's."""
    record = store_as(AuditRecord)
    chosen = choose(record.affordances)
    return [
        *(tool for affordance in chosen for tool in affordance.tools()),
        read_evidence(),
        *(load_tool(name) for name in record.tools),
    ]
