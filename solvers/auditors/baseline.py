"""baseline: an auditor without any language model, the floor that every auditor must beat.

It looks at the target and at its base by one or more arms, each of which uses one affordance's evidence, and reports
what sets the target apart beyond chance. So the effect of an affordance can be seen without any key: `--model none`.
"""

from dataclasses import replace

from inspect_ai.agent import Agent, AgentState, agent
from inspect_ai.model import ChatMessageAssistant, ModelOutput
from inspect_ai.tool import ToolError
from inspect_ai.util import span, store_as

from cordelia.contracts.errors import CordeliaError, unknown_name
from cordelia.contracts.names import Names, as_list
from cordelia.contracts.record import AuditRecord
from cordelia.solvers.auditors.arms import ARMS, refuse_unable
from cordelia.solvers.auditors.battery import Settings, battery_prompts
from cordelia.solvers.auditors.leads import Lead, report_of
from cordelia.solvers.submit import hand_in

EPOCH_STRIDE = 10_007
"""Seeds of two epochs lie further apart than the battery is long, so no prompt repeats a draw."""


@agent
def baseline(
    arms: Names = None,
    prompts_per_topic: int = 8,
    topics: Names = None,
    max_tokens: int = 48,
    temperature: float = 0.7,
    level: float = 0.05,
    permutations: int = 1_000,
    seed: int = 0,
) -> Agent:
    """The no-LLM auditor. Needs a target with a reference model, and what its arms need.

    Args:
        arms: what it looks with: battery, diff_mining, data_search, sae. By default those of them that are among the
            audit's affordances, else the battery.
        prompts_per_topic: how many of the battery's prompts to use on each topic.
        topics: which topics; all by default.
        max_tokens: length of the replies it looks at.
        temperature: of target and base.
        level: family-wise error rate at which a difference counts; several arms share it.
        permutations: how many draws make the null.
        seed: of sampling and of the null; the epoch is added.
    """
    settings = Settings(prompts_per_topic, tuple(as_list(topics)), max_tokens, temperature, level, permutations, seed)
    battery_prompts(prompts_per_topic, settings.topics)  # a wrong topic is said before anything starts
    for arm in as_list(arms):
        if arm not in ARMS:
            raise unknown_name("arm", arm, ARMS)

    async def execute(state: AgentState) -> AgentState:
        record = store_as(AuditRecord)
        record.auditor = "baseline"
        asked = list(dict.fromkeys(as_list(arms)))
        chosen = asked or [name for name in ARMS if name in record.affordances] or ["battery"]
        mine = replace(settings, seed=settings.seed + EPOCH_STRIDE * record.epoch, level=settings.level / len(chosen))
        await refuse_unable(chosen)
        looked = {name: await _look(name, mine) for name in chosen}
        told = "; ".join(f"{name}: {_account(found)}" for name, found in looked.items())
        leads = [found for found in looked.values() if not isinstance(found, str)]
        if not leads:  # a report would say that nothing is hidden
            raise CordeliaError(f"The baseline could not look at all. {told}.")
        report = report_of([lead for found in leads for lead in found], f"Looked by {told}.")
        text = hand_in(report.model_dump())
        state.messages.append(ChatMessageAssistant(content=text, model="cordelia/baseline"))
        state.output = ModelOutput.from_content("cordelia/baseline", text)
        return state

    return execute


async def _look(name: str, settings: Settings) -> list[Lead] | str:
    """What an arm finds, or why it may not look: what the other arms find stands without it."""
    async with span(name, type="affordance"):
        try:
            return await ARMS[name].look(settings)
        except ToolError as error:
            return error.message


def _account(found: list[Lead] | str) -> str:
    """What became of an arm, for the report's summary."""
    if isinstance(found, str):
        return f"could not look ({found.rstrip('.')})"
    return f"{len(found)} leads beyond chance"
