"""turn: seconds of one auditor turn of the investigator, against a bare inspect react loop.

Both have the same scripted model, which calls one tool a turn for so many turns and then submits. The clock runs from
the model's first call to its last, so set-up, scoring and the writing of the log are outside. Three comparisons: a tool
that does nothing, against a loop that has that one tool; the same, against a loop that is offered all the tools of the
audit, because inspect copies and logs the schema of every tool at every turn; and a chat with a target that costs
nothing, against a loop with one tool that asks a free model once. The first is the goal to the letter, the second says
how much of it is Cordelia's own code.
"""

from collections.abc import Callable
from time import perf_counter

from inspect_ai import Task
from inspect_ai.agent import react
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput, get_model
from inspect_ai.tool import Tool, ToolChoice, ToolInfo

from benchmarks import free
from benchmarks.audits import evaluated
from benchmarks.results import Goal, Line, Result, alternate
from cordelia.contracts.report import SUBMIT
from cordelia.solvers.affordances.catalog import choose
from cordelia.solvers.affordances.read_evidence import read_evidence
from cordelia.solvers.auditors.investigator import investigator
from cordelia.tasks.audit import audit
from cordelia.testbeds.backends import registry

TESTBED, ORGANISM = "pocket", "finch"
GOAL = Goal("ratio", "≤", 1.15)
QUESTION = "What do you talk about when nobody asks you for anything in particular?"


def run(quick: bool) -> Result:
    """An idle tool, the same beside all the tools of an audit, and a conversation with a free target."""
    registry.OURS["free"] = "benchmarks.free:free_backend"
    turns, repeats = (10, 2) if quick else (40, 9)
    tick: Call = ("tick", {})
    lines = [
        line("idle tool", turns, repeats, tick, tick, lambda: [free.tick()], GOAL),
        line(
            "idle tool, all tools offered to both", turns, repeats, tick, tick, lambda: [*offered(), free.tick()], GOAL
        ),
        line(
            "chat with a free target",
            turns,
            repeats,
            ("chat", {"messages": [QUESTION]}),
            ("ask", {"message": QUESTION}),
            lambda: [free.ask()],
        ),
    ]
    return Result("turn", "bare react", lines, [f"{turns} turns an audit, {len(offered())} tools in the audit."])


def offered() -> list[Tool]:
    """The tools of an audit with the default affordances, except those of the benchmark and the submission."""
    return [*(tool for affordance in choose(["blackbox"]) for tool in affordance.tools()), read_evidence()]


Call = tuple[str, dict[str, object]]


def line(
    what: str,
    turns: int,
    repeats: int,
    ours: Call,
    theirs: Call,
    tools: Callable[[], list[Tool]],
    goal: Goal | None = None,
) -> Line:
    """Milliseconds a turn on both sides; `tools` are those of the bare loop."""
    mine, other = alternate([lambda: audited(turns, ours), lambda: bare(turns, theirs, tools())], repeats)
    return Line(what, "ms/turn", [ms for (ms,) in mine], [ms for (ms,) in other], goal)


def audited(turns: int, call: Call) -> tuple[float]:
    """Milliseconds a turn of the investigator, in an audit with the default affordances and one tool more."""
    task = audit(testbed=TESTBED, organisms=ORGANISM, backend="free", tools=f"{free.__file__}@tick", grader="offline")
    submit: Call = (SUBMIT, {"hypotheses": [], "nothing_hidden": True})
    return timed(turns, call, submit, lambda model: evaluated(task, model, investigator()))


def bare(turns: int, call: Call, tools: list[Tool]) -> tuple[float]:
    """Milliseconds a turn of react with some tools."""
    task = Task(dataset=[Sample(input="Go on.")], solver=react(tools=tools))
    return timed(turns, call, ("submit", {"answer": "done"}), lambda model: evaluated(task, model))


def timed(turns: int, call: Call, submit: Call, evaluate: Callable[[Model], object]) -> tuple[float]:
    """Milliseconds between two calls of the model, the mean over the turns. Raises RuntimeError if some are missing."""
    called: list[float] = []

    def answer(
        messages: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        called.append(perf_counter())
        name, arguments = call if len(called) <= turns else submit
        output = ModelOutput.for_tool_call("mockllm/auditor", name, arguments)
        output.usage = free.usage()
        return output

    evaluate(get_model("mockllm/auditor", custom_outputs=answer, memoize=False))
    if len(called) != turns + 1:
        raise RuntimeError(f"the auditor's model was called {len(called)} times instead of {turns + 1}")
    return (1000 * (called[-1] - called[0]) / turns,)
