"""Asking a grader: a forced tool call, and a useless answer asked for again, with what was wrong, before giving up.

The model comes with the settings that its role was bound with. Its tokens are on nobody's budget.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from inspect_ai.model import ChatMessage, ChatMessageTool, ChatMessageUser, Model, ModelOutput
from inspect_ai.tool import ToolFunction, ToolInfo
from inspect_ai.util import LimitExceededError, suspend_token_limit, suspend_turn_limit

from cordelia.scorers.grading.answer import InvalidPayload
from cordelia.scorers.grading.base import GraderFailed

TRIES = 3

T = TypeVar("T")


async def ask_grader(
    model: Model,
    conversation: Sequence[ChatMessage],
    tool: ToolInfo,
    read: Callable[[ModelOutput], T],
    again: Callable[[str], str],
) -> T:
    """What `read` makes of the model's answer.

    Args:
        model: the grader.
        conversation: what it is shown.
        tool: the one tool that it is offered, and must call.
        read: raises InvalidPayload for an answer that cannot be used.
        again: the text that asks for another answer, from the problems of the last one, a line each.

    Raises:
        GraderFailed: the model failed, or gave no usable answer in `TRIES` tries.
    """
    shown, problems = list(conversation), [""]
    with suspend_token_limit(), suspend_turn_limit():
        for _ in range(TRIES):
            output = await _generate(model, shown, tool)
            try:
                return read(output)
            except InvalidPayload as invalid:
                problems = invalid.problems
                shown = [*shown, *_rejected(output, again("\n".join(f"- {problem}" for problem in problems)))]
    raise GraderFailed(f"{model} gave no valid grades in {TRIES} tries. The last time: {'; '.join(problems)}")


async def _generate(model: Model, conversation: list[ChatMessage], tool: ToolInfo) -> ModelOutput:
    try:
        return await model.generate(conversation, tools=[tool], tool_choice=ToolFunction(tool.name))
    except LimitExceededError:
        raise
    except Exception as error:
        # providers raise what they like, and whatever it is, what is graded did not earn a 0 by it
        raise GraderFailed(f"{model} failed: {type(error).__name__}: {error}") from error


def _rejected(output: ModelOutput, text: str) -> list[ChatMessage]:
    """The grader's answer and what was wrong with it; providers demand a result for each tool call."""
    if not output.choices:
        return [ChatMessageUser(content=text)]
    calls = output.message.tool_calls or []
    if not calls:
        return [output.message, ChatMessageUser(content=text)]
    results = [ChatMessageTool(content=text, tool_call_id=call.id, function=call.function) for call in calls]
    return [output.message, *results]
