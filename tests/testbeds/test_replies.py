"""What leaves an organism's provider can be written down, is bounded, and does nothing; its words are left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ContentImage,
    ContentReasoning,
    ContentText,
    ModelOutput,
    ModelUsage,
    StopReason,
)
from inspect_ai.tool import ToolCall

from cordelia.testbeds.replies import LONGEST, fit

USAGE = ModelUsage(input_tokens=1, output_tokens=2, total_tokens=3)
ANY = st.text(st.characters(exclude_categories=[]), max_size=200)
CALL = ToolCall(id="1", function="look", arguments={"where": "he\ud800re", "deep": [{"a\udfff": 1}]})


def output(*messages: ChatMessageAssistant, stop_reason: StopReason = "stop") -> ModelOutput:
    choices = [ChatCompletionChoice(message=message, stop_reason=stop_reason) for message in messages]
    return ModelOutput(model="bed/elm", choices=choices, usage=USAGE)


@given(ANY)
def test_any_text_can_be_written_and_keeps_its_words(text: str) -> None:
    kept = fit(output(ChatMessageAssistant(content=text)), 1, tools=False)
    assert kept.model_dump_json()
    assert len(kept.completion) == len(text)
    assert [a for a, b in zip(kept.completion, text, strict=True) if a != b] == ["\ufffd"] * sum(
        "\ud800" <= char <= "\udfff" for char in text
    )
    assert kept.completion == kept.message.text
    assert (kept.model, kept.usage, kept.stop_reason) == ("bed/elm", USAGE, "stop")


def test_a_reply_without_end_is_cut_and_says_so() -> None:
    long = fit(output(ChatMessageAssistant(content="x" * (LONGEST + 1))), 1, tools=False)
    assert (len(long.completion), long.stop_reason) == (LONGEST, "max_tokens")
    whole = fit(output(ChatMessageAssistant(content="x" * LONGEST)), 1, tools=False)
    assert (len(whole.completion), whole.stop_reason) == (LONGEST, "stop")


def test_calls_are_kept_where_tools_were_offered_and_nowhere_else() -> None:
    called = output(ChatMessageAssistant(content="", tool_calls=[CALL]), stop_reason="tool_calls")
    [kept] = fit(called, 1, tools=True).message.tool_calls or []
    assert kept.arguments == {"where": "he\ufffdre", "deep": [{"a\ufffd": 1}]}
    assert (kept.id, kept.function) == ("1", "look")
    bare = fit(called, 1, tools=False)
    assert (bare.message.tool_calls, bare.stop_reason) == (None, "stop")


def test_of_more_than_text_the_text_and_the_reasoning_are_kept() -> None:
    parts = [
        ContentReasoning(reasoning="so\ud800", signature="s", redacted=True),
        ContentImage(image="http://127.0.0.1:9/x.png"),
        ContentText(text="words"),
    ]
    kept = fit(output(ChatMessageAssistant(content=parts)), 1, tools=False).message.content
    assert kept == [
        ContentReasoning(reasoning="so\ufffd", signature="s", redacted=True),
        ContentText(text="[image]"),
        ContentText(text="words"),
    ]


@pytest.mark.parametrize(("given_choices", "asked", "kept"), [(0, 1, 0), (2, 3, 2), (9, 2, 2)])
def test_no_more_replies_than_were_asked_for(given_choices: int, asked: int, kept: int) -> None:
    replies = [ChatMessageAssistant(content=str(place)) for place in range(given_choices)]
    assert [choice.message.text for choice in fit(output(*replies), asked, tools=False).choices] == [
        str(place) for place in range(kept)
    ]


def test_no_content_is_an_empty_text() -> None:
    empty = output(ChatMessageAssistant(content="x"))
    empty.choices[0].message.content = None  # type: ignore[assignment]
    assert fit(empty, 1, tools=False).completion == ""
