"""From messages to the exact text a target reads: one place for every backend, so that backends can be compared.

A prefill is a trailing assistant message: the template is rendered up to it and its text is appended as is. A user
turn is rendered the same way with the user's header. The header is found by rendering a marker and cutting there, so
it works with any chat template.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from inspect_ai.model import ChatMessage

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.backends.inside import Text
from cordelia.testbeds.capabilities import Mode

_MARKER = "\u2063cordelia\u2063"

TOO_LONG = "Text {number} is too long for this model; shorten it."
"""Says no number, and the same of every organism: a hidden prompt counts, so a number would tell its length."""


class ChatTemplate(Protocol):
    """The part of a transformers tokenizer that rendering needs."""

    def apply_chat_template(
        self, conversation: list[dict[str, str]], *, tokenize: bool, add_generation_prompt: bool
    ) -> str: ...

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]: ...

    def decode(self, token_ids: list[int]) -> str: ...


class TurnTokenizer(ChatTemplate, Protocol):
    """The part of a transformers tokenizer that says how turns end."""

    eos_token_id: int | None
    chat_template: object | None

    @property
    def added_tokens_decoder(self) -> Mapping[int, object]: ...


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


def encode_reply(
    tokenizer: TurnTokenizer, messages: Sequence[ChatMessage], mode: Mode, reply: str, ended: bool
) -> tuple[list[int], list[int]]:
    """The token ids of a request and those of a reply to it; the end of the turn is the last of an `ended` one."""
    written = tokenizer.encode(reply, add_special_tokens=False) if reply else []
    end = turn_end(tokenizer, mode) if ended else None
    return encode(tokenizer, messages, mode), written if end is None else [*written, end]


@dataclass(frozen=True)
class Encoded:
    """The token ids of a text that is looked into.

    Attributes:
        ids: prompt and reply.
        reply_from: where the reply begins.
        shown_from: the first token that may be shown: behind the hidden prompt, 0 where there is none.
    """

    ids: list[int]
    reply_from: int
    shown_from: int


def encode_text(tokenizer: ChatTemplate, text: Text) -> Encoded:
    """The token ids of a text, and which of them may come back. Raises CordeliaError for an empty conversation."""
    prompt = encode(tokenizer, text.messages, text.mode)
    reply = tokenizer.encode(text.reply, add_special_tokens=False) if text.reply else []
    shown = 0
    if text.secret:
        rendered = render(tokenizer, text.messages, text.mode)
        end = rendered.index(text.secret) + len(text.secret)
        # a token that straddles the end begins before it, so it is counted with what is hidden
        shown = len(tokenizer.encode(rendered[:end], add_special_tokens=text.mode is Mode.COMPLETION))
        while shown < len(prompt) and len(tokenizer.decode(prompt[:shown])) < end:
            shown += 1
    return Encoded([*prompt, *reply], len(prompt), shown)


def turn_end(tokenizer: TurnTokenizer, mode: Mode) -> int | None:
    """The token that ends what is written in a mode: what the chat template writes right after a turn's text, if that
    is one token of its own, else the tokenizer's end of text."""
    if mode is not Mode.COMPLETION and tokenizer.chat_template:
        asked = {"role": "user", "content": "?"}
        marked = {"content": _MARKER, "role": "user" if mode is Mode.USER_TURN else "assistant"}
        turns = [marked] if mode is Mode.USER_TURN else [asked, marked]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=False)
        after = tokenizer.encode(text.partition(_MARKER)[2].lstrip(), add_special_tokens=False)[:1]
        if after and after[0] in tokenizer.added_tokens_decoder:
            return after[0]
    return tokenizer.eos_token_id
