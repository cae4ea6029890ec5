"""The default evidence of an affordance: its default calls, made through its real tools, without any agent.

The calls go through inspect's own tool loop, so what is kept is what an agent would have been shown (cut where it would
have been cut), and the transcript reads like an agent's. Beside it stands the same without the tool's asides: what it
says of every target, and what says nothing of this one.
"""

from collections.abc import Mapping, Sequence

from inspect_ai.model import ChatMessageAssistant, ChatMessageTool, ModelOutput, execute_tools
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import Tool, ToolCall, ToolDef
from inspect_ai.util import store_as

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.record import AuditRecord
from cordelia.contracts.shown import DefaultEvidence, ShownCall
from cordelia.solvers.affordances.base import Affordance, Call
from cordelia.solvers.affordances.catalog import choose
from cordelia.solvers.aside import data_of, listening
from cordelia.solvers.target import refuse_bound_roles

NAME = "cordelia/default-calls"
"""Who makes the calls, in the log: no model does."""


def default_calls(affordance: Affordance) -> list[Call]:
    """The calls that give an affordance's overview: those that it names, else each tool that needs no arguments.

    Raises:
        CordeliaError: it has none, or it names a tool that it has not.
    """
    tools = {definition.name: definition for definition in map(ToolDef, affordance.tools())}
    for name, _ in affordance.default:
        if name not in tools:
            raise CordeliaError(f"The default of '{affordance.name}' calls '{name}'; its tools are {', '.join(tools)}.")
    calls = list(affordance.default) or [(name, {}) for name, tool in tools.items() if not tool.parameters.required]
    if not calls:
        raise CordeliaError(f"The affordance '{affordance.name}' has no default: all of its tools need arguments.")
    return calls


@solver
def default_evidence(
    testbed: str,
    testbed_folder: str | None = None,
    target_args: dict[str, str | int | float | bool] | None = None,
) -> Solver:
    """Makes the default calls of the sample's affordance on the sample's organism, and keeps what they show.

    The sample's metadata say which (`organism`, `affordance`).

    Args:
        testbed: name of the testbed.
        testbed_folder: its folder, when it is not known by name.
        target_args: arguments of the target's model (backend, base, …).
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        refuse_bound_roles()
        [affordance] = choose([str(state.metadata["affordance"])])
        record = store_as(AuditRecord)
        record.testbed, record.testbed_folder = testbed, testbed_folder or ""
        record.organism, record.epoch = str(state.metadata["organism"]), state.epoch
        record.affordances, record.target_args = [affordance.name], dict(target_args or {})
        evidence = store_as(DefaultEvidence)
        evidence.affordance = affordance.name
        calls = default_calls(affordance)
        tools = affordance.tools()
        evidence.calls = [
            await _called(state, tools, name, arguments, place) for place, (name, arguments) in enumerate(calls, 1)
        ]
        shown = f"{affordance.name} showed {len(evidence.text):,} characters in {len(calls)} calls."
        state.output = ModelOutput.from_content(NAME, shown)
        return state

    return solve


async def _called(
    state: TaskState, tools: Sequence[Tool], name: str, arguments: Mapping[str, object], place: int
) -> ShownCall:
    """One call and what it gave; call and answer are left in the conversation."""
    call = ToolCall(id=f"{name}-{place}", function=name, arguments=dict(arguments))
    state.messages.append(ChatMessageAssistant(content="", tool_calls=[call], model=NAME))
    with listening() as said:
        made = await execute_tools(state.messages, list(tools))
    state.messages.extend(made.messages)
    [answer] = [each for each in made.messages if isinstance(each, ChatMessageTool)]
    if answer.error is not None:
        return ShownCall(tool=name, arguments=dict(arguments), refused=answer.error.message)
    return ShownCall(
        tool=name, arguments=dict(arguments), text=answer.text, data=data_of(answer.text, said) if answer.text else ""
    )
