"""investigator: an LLM agent in a react loop, with compaction and a typed, validated report."""

import logging
from contextlib import suppress

from inspect_ai.agent import Agent, AgentPrompt, AgentState, AgentSubmit, agent, react
from inspect_ai.model import ChatMessageAssistant, CompactionAuto, CompactionStrategy, get_model
from inspect_ai.util import store_as

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.record import AuditRecord, Budget
from cordelia.contracts.report import SUBMIT
from cordelia.solvers.equip import audit_tools
from cordelia.solvers.prompts import prompt
from cordelia.solvers.submit import submit_report

logger = logging.getLogger(__name__)

COMPACT_AT = 0.8
"""Share of the context window at which the conversation is compacted."""

PATIENCE = 5
"""Turns in a row without a tool call after which the auditor has stopped: a loop that never ends costs without end."""


@agent
def investigator(compact_at: float = COMPACT_AT) -> Agent:
    """The auditor to beat: a react loop over the audit's tools that ends with a valid report.

    Its model is the eval's model. `attempts` stays at one: with more, inspect would tell the agent the scorer's
    verdict.

    Args:
        compact_at: share of the model's context window at which old turns are compacted.
    """

    with suppress(ValueError):  # Python code may make it before its eval has a model
        require_model()

    async def execute(state: AgentState) -> AgentState:
        require_model()
        record = store_as(AuditRecord)
        record.auditor = "investigator"
        loop = react(
            prompt=AgentPrompt(
                instructions=prompt("investigator", budget=describe(record.budget), submit=SUBMIT),
                handoff_prompt=None,
                assistant_prompt=None,
                submit_prompt=None,
            ),
            tools=audit_tools(),
            submit=AgentSubmit(name=SUBMIT, tool=submit_report(), answer_only=True, keep_in_messages=True),
            on_continue=reminded,
            compaction=await compaction(compact_at),
        )
        return await loop(state)

    return execute


async def reminded(state: AgentState) -> bool | str:
    """Whether the auditor goes on: after words without a tool call it is reminded of its tools, but not for ever."""
    wordy = 0
    for message in reversed(state.messages):
        if isinstance(message, ChatMessageAssistant):
            if message.tool_calls:
                break
            wordy += 1
    if wordy >= PATIENCE:
        return False
    return prompt("continue", submit=SUBMIT) if wordy else True


async def compaction(threshold: float) -> CompactionStrategy | None:
    """Compaction where inspect can count tokens, else none, with a warning.

    Counting falls back to a tokenizer that is fetched from the internet; on a machine without it, that would end the
    audit.
    """
    try:
        await get_model().count_tokens("one")
    except OSError as error:
        logger.warning(
            "The auditor's conversation will not be compacted: its tokens cannot be counted here (%s). "
            "Set TIKTOKEN_CACHE_DIR to a folder that has o200k_base.",
            type(error).__name__,
        )
        return None
    return CompactionAuto(threshold=threshold)


def require_model() -> None:
    """Refuse to start without a model. Raises CordeliaError that says how to give one."""
    if str(get_model()) == "none/none":
        raise CordeliaError(
            "The investigator needs a model: --model <provider>/<model>. "
            "Without one, use the auditor that needs none: --solver cordelia/baseline --model none."
        )


def describe(budget: Budget) -> str:
    """The budget in words, for the auditor's prompt."""
    parts = [
        f"{value:,} {name}"
        for name, value in (
            ("of your own tokens", budget.auditor_tokens),
            ("tokens of helper models", budget.helper_tokens),
            ("messages from the target", budget.target_queries),
        )
        if value is not None
    ]
    return ", ".join(parts) if parts else "no fixed limit, but be economical"
