"""A target's reply, made fit to be kept: what leaves the provider can be written down, is bounded, and does nothing.

A target may be hostile, and its server broken. A lone surrogate cannot be written as UTF-8, and one in a reply ends a
whole eval when its log is written; megabytes of text fill the log of an audit that asked for some hundred tokens; a
tool call that nobody offered a tool for is run by any agent loop that finds it; an image is fetched by whoever opens
the log. So these go, in one place, before the reply is recorded. The words stay as they are: marks that imitate the
end of a turn, or orders to a grader, are a target's words, and whoever shows them quotes them as such.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from inspect_ai.model import ChatCompletionChoice, Content, ContentReasoning, ContentText, ModelOutput
from inspect_ai.tool import ToolCall

LONGEST = 200_000
"""Most characters of one reply, far above what an auditor may ask for (4,096 tokens)."""

_SURROGATE = re.compile(r"[\ud800-\udfff]")


def fit(output: ModelOutput, most: int, tools: bool) -> ModelOutput:
    """The output with every reply fit to be kept.

    Args:
        output: what a backend returned.
        most: how many replies were asked for.
        tools: whether the target was offered any; else it has none to call.
    """
    choices = [_choice(choice, tools) for choice in output.choices[:most]]
    completion = choices[0].message.text if choices else ""
    return output.model_copy(update={"choices": choices, "completion": completion})


def _choice(choice: ChatCompletionChoice, tools: bool) -> ChatCompletionChoice:
    message, stop_reason = choice.message, choice.stop_reason
    content, cut = _content(message.content)
    calls = [_call(call) for call in message.tool_calls or []] if tools else []
    if cut:
        stop_reason = "max_tokens"
    elif stop_reason == "tool_calls" and not calls:
        stop_reason = "stop"
    kept = message.model_copy(update={"content": content, "tool_calls": calls or None})
    return choice.model_copy(update={"message": kept, "stop_reason": stop_reason})


def _content(content: str | Sequence[Content] | None) -> tuple[str | list[Content], bool]:
    """What is kept of a message's content, and whether its text had to be cut."""
    if not content:
        return "", False
    if isinstance(content, str):
        return _text(content), len(content) > LONGEST
    parts = [_part(part) for part in content]
    return parts, any(isinstance(part, ContentText) and len(part.text) > LONGEST for part in content)


def _part(part: Content) -> Content:
    match part:
        case ContentText():
            return ContentText(text=_text(part.text))
        case ContentReasoning():
            words = {name: _text(value) for name, value in part if isinstance(value, str) and name != "type"}
            return part.model_copy(update=words)
        case _:
            return ContentText(text=f"[{part.type}]")


def _call(call: ToolCall) -> ToolCall:
    arguments = {_text(name): _strings(value) for name, value in call.arguments.items()}
    return replace(call, id=_text(call.id), function=_text(call.function), arguments=arguments)


def _strings(value: object) -> object:
    """A value as it is, but for the text in it."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {_text(str(key)): _strings(item) for key, item in value.items()}
    return [_strings(item) for item in value] if isinstance(value, list) else value


def _text(text: str) -> str:
    return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text[:LONGEST])
