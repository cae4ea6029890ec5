"""auditor: whoever fits the eval's model, for `inspect eval` without `--solver`."""

from inspect_ai.agent import Agent, AgentState, agent
from inspect_ai.model import get_model

from cordelia.solvers.auditors.baseline import baseline
from cordelia.solvers.auditors.investigator import investigator


@agent
def auditor() -> Agent:
    """The investigator, or the baseline when the eval has no model (`--model none`).

    The choice is made when the audit runs, because a task is built before Python users name their model.
    """

    async def execute(state: AgentState) -> AgentState:
        chosen = baseline() if str(get_model()) == "none/none" else investigator()
        return await chosen(state)

    return execute
