"""From messages to the exact text a target reads: one place for every backend, so that backends can be compared.

A prefill is a trailing assistant message: the template is rendered up to it and its text is appended as is. A user
turn is rendered the same way with the user's header. The header is found by rendering a marker and cutting there, so
it works with any chat template.
"""

from collections.abc import Sequence
from typing import Protocol

from inspect_ai.model import ChatMessage

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.capabilities import Mode

_MARKER = "\u2063cordelia\u2063"


class ChatTemplate(Protocol):
    """The part of a transformers tokenizer that rendering needs."""

    def apply_chat_template(
        self, conversation: list[dict[str, str]], *, tokenize: bool, add_generation_prompt: bool
    ) -> str: ...

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]: ...


def render(tokenizer: ChatTemplate, messages: Sequence[ChatMessage], mode: Mode) -> str:
    """The prompt text for a request, ready to be tokenised without special tokens.

    Raises:
        CordeliaError: the conversation is empty.
    """
    if not messages:
        raise CordeliaError("A target needs at least one message.")
    if mode is Mode.COMPLETION:
        return messages[-1].text
    turns = [{"role": message.role, "content": message.text} for message in messages]
    writer = "user" if mode is Mode.USER_TURN else "assistant"
    if turns[-1]["role"] == writer:
        prefix = turns.pop()["content"]
    elif mode is Mode.CHAT:
        return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    else:
        prefix = ""
    marked = tokenizer.apply_chat_template(
        [*turns, {"role": writer, "content": _MARKER}], tokenize=False, add_generation_prompt=False
    )
    return marked[: marked.index(_MARKER)] + prefix


def encode(tokenizer: ChatTemplate, messages: Sequence[ChatMessage], mode: Mode) -> list[int]:
    """The token ids of a request. A chat template writes its own special tokens; raw text gets the tokenizer's."""
    text = render(tokenizer, messages, mode)
    return tokenizer.encode(text, add_special_tokens=mode is Mode.COMPLETION)
