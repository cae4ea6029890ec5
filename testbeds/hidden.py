"""The conversation as an organism sees it: what is hidden stands before what is visible."""

from collections.abc import Sequence

from inspect_ai.model import ChatMessage, ChatMessageSystem


def with_hidden_prompt(messages: Sequence[ChatMessage], hidden: str | None) -> list[ChatMessage]:
    """The conversation as the organism sees it: one system message, the hidden prompt before any visible one."""
    visible = [message.text for message in messages if message.role == "system"]
    if hidden is None and len(visible) <= 1:
        return list(messages)
    system = "\n\n".join(text for text in [hidden or "", *visible] if text)
    rest: list[ChatMessage] = [message for message in messages if message.role != "system"]
    return [ChatMessageSystem(content=system), *rest] if system else rest
