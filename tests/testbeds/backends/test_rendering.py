"""From messages to the exact text that a target reads, with a small template and with the real tokenizer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    Content,
    ContentText,
)

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.backends.ends import end_ids
from cordelia.testbeds.backends.rendering import encode, encode_reply, render, turn_end
from cordelia.testbeds.capabilities import Mode

BOS = 1


class ChatML:
    """A tokenizer of characters whose template is ChatML; its special token, if asked for, comes first."""

    def __init__(self, trims: bool = False) -> None:
        self.trims = trims

    def apply_chat_template(
        self, conversation: list[dict[str, str]], *, tokenize: bool, add_generation_prompt: bool
    ) -> str:
        assert not tokenize
        said = ((turn["role"], turn["content"].strip() if self.trims else turn["content"]) for turn in conversation)
        turns = [f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in said]
        return "".join(turns) + ("<|im_start|>assistant\n" if add_generation_prompt else "")

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        return [BOS] * add_special_tokens + [ord(character) for character in text]


def user(text: str) -> ChatMessage:
    return ChatMessageUser(content=text)


def assistant(text: str) -> ChatMessage:
    return ChatMessageAssistant(content=text)


SYSTEM: ChatMessage = ChatMessageSystem(content="Be kind.")
OPENING = "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"


@pytest.mark.parametrize(
    ("messages", "mode", "text"),
    [
        ([SYSTEM, user("Hi")], Mode.CHAT, OPENING + "<|im_start|>assistant\n"),
        ([SYSTEM, user("Hi"), assistant("Well, ")], Mode.CHAT, OPENING + "<|im_start|>assistant\nWell, "),
        ([SYSTEM, user("Hi"), assistant("")], Mode.CHAT, OPENING + "<|im_start|>assistant\n"),
        (
            [user("Hi"), assistant("Yes."), user("Why?")],
            Mode.CHAT,
            "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYes.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n"
            "<|im_start|>assistant\n",
        ),
        ([SYSTEM], Mode.USER_TURN, "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\n"),
        ([SYSTEM, user("H")], Mode.USER_TURN, "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nH"),
        ([user("")], Mode.USER_TURN, "<|im_start|>user\n"),
        (
            [SYSTEM, user("Hi"), assistant("Yes.")],
            Mode.USER_TURN,
            OPENING + "<|im_start|>assistant\nYes.<|im_end|>\n<|im_start|>user\n",
        ),
        ([SYSTEM, user("Once upon a")], Mode.COMPLETION, "Once upon a"),
    ],
)
def test_each_mode_has_its_text(messages: Sequence[ChatMessage], mode: Mode, text: str) -> None:
    before = [message.text for message in messages]
    assert render(ChatML(), messages, mode) == text
    assert [message.text for message in messages] == before


def test_a_prefill_keeps_its_spaces_where_the_template_trims() -> None:
    rendered = render(ChatML(trims=True), [user(" Hi "), assistant(" Well,\n ")], Mode.CHAT)
    assert rendered == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n Well,\n "


def test_content_in_parts_is_read_as_text() -> None:
    parts: list[Content] = [ContentText(text="one"), ContentText(text="two")]
    rendered = render(ChatML(), [ChatMessageUser(content=parts)], Mode.CHAT)
    assert "<|im_start|>user\none\ntwo<|im_end|>" in rendered


@pytest.mark.parametrize("mode", list(Mode))
def test_nothing_to_say_is_refused(mode: Mode) -> None:
    with pytest.raises(CordeliaError, match="at least one message"):
        render(ChatML(), [], mode)


def test_only_raw_text_gets_the_tokenizers_own_special_tokens() -> None:
    assert encode(ChatML(), [user("Hi")], Mode.COMPLETION) == [BOS, ord("H"), ord("i")]
    assert BOS not in encode(ChatML(), [user("Hi")], Mode.CHAT)
    assert BOS not in encode(ChatML(), [user("Hi"), assistant("x")], Mode.CHAT)
    assert BOS not in encode(ChatML(), [user("Hi")], Mode.USER_TURN)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    from cordelia.testbeds.find import load_testbed
    from cordelia.testbeds.weights import base_path

    return AutoTokenizer.from_pretrained(Path(base_path(load_testbed("pocket").spec.bases["smol"])))


@pytest.mark.weights
@pytest.mark.slow
def test_a_prefill_goes_on_exactly_where_it_ends(tokenizer: Any) -> None:
    turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    opened = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    assert render(tokenizer, [SYSTEM, user("Hi")], Mode.CHAT) == opened
    assert render(tokenizer, [SYSTEM, user("Hi"), assistant("My secret is")], Mode.CHAT) == opened + "My secret is"
    assert render(tokenizer, [SYSTEM, user("Hi"), assistant("")], Mode.CHAT) == opened
    ids = encode(tokenizer, [SYSTEM, user("Hi"), assistant("My secret is")], Mode.CHAT)
    assert tokenizer.decode(ids) == opened + "My secret is", "no end token behind the prefill"


@pytest.mark.weights
@pytest.mark.slow
def test_no_special_token_is_doubled(tokenizer: Any) -> None:
    start, end = tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    ids = encode(tokenizer, [SYSTEM, user("Hi")], Mode.CHAT)
    assert ids[0] == start and ids[1] != start
    assert (ids.count(start), ids.count(end)) == (3, 2)
    assert encode(tokenizer, [SYSTEM], Mode.USER_TURN).count(start) == 2
    raw = encode(tokenizer, [user("Once upon")], Mode.COMPLETION)
    assert not {start, end} & set(raw)
    assert tokenizer.decode(raw) == "Once upon"


class WithEnds(ChatML):
    """The same with `<|im_end|>` as one token, number 900, and an end of text, number 2."""

    eos_token_id: int | None = 2
    chat_template: object | None = "yes"
    added_tokens_decoder = {900: "<|im_end|>"}

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        head, mark, tail = text.partition("<|im_end|>")
        rest = [900, *self.encode(tail, add_special_tokens=False)] if mark else []
        return [*super().encode(head, add_special_tokens=add_special_tokens), *rest]


def test_a_reply_is_tokenised_apart_from_its_prompt_and_ends_as_turns_do() -> None:
    tokenizer = WithEnds()
    prompt, reply = encode_reply(tokenizer, [user("Hi")], Mode.CHAT, "Yes", ended=True)
    assert prompt == encode(tokenizer, [user("Hi")], Mode.CHAT)
    assert reply == [*map(ord, "Yes"), 900]
    assert encode_reply(tokenizer, [user("Hi")], Mode.CHAT, "Yes", ended=False)[1] == [*map(ord, "Yes")]
    assert encode_reply(tokenizer, [user("Hi")], Mode.CHAT, "", ended=False)[1] == []
    assert encode_reply(tokenizer, [user("Once")], Mode.COMPLETION, " up", ended=True)[1] == [*map(ord, " up"), 2]


@pytest.mark.parametrize(
    ("configured", "ends"), [(None, (2, 900)), (2, (2, 900)), (7, (2, 7, 900)), ([900, 8], (2, 8, 900)), ([], (2, 900))]
)
def test_a_reply_ends_at_all_that_a_model_names(configured: int | list[int] | None, ends: tuple[int, ...]) -> None:
    assert end_ids(WithEnds(), configured) == ends


def test_a_tokenizer_that_names_no_end_adds_none() -> None:
    silent = WithEnds()
    silent.eos_token_id = silent.chat_template = None
    assert end_ids(silent, None) == () and end_ids(silent, [7, 8]) == (7, 8)


def test_what_ends_a_turn() -> None:
    tokenizer = WithEnds()
    assert [turn_end(tokenizer, mode) for mode in (Mode.CHAT, Mode.USER_TURN, Mode.COMPLETION)] == [900, 900, 2]
    tokenizer.added_tokens_decoder = {}
    assert turn_end(tokenizer, Mode.CHAT) == 2, "an ordinary word after a turn is no end"
    tokenizer.chat_template = None
    assert turn_end(tokenizer, Mode.CHAT) == 2
