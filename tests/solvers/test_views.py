"""Tool calls read well in the viewer, whatever a model put into them."""

from inspect_ai.tool import ToolCall, ToolCallContent

from cordelia.solvers.views import contrast_view, report_view, said_view


def content(call: ToolCall, title: str = "Chat") -> ToolCallContent:
    shown = said_view(title, "messages", settings=("continue_from",))(call).call
    assert shown is not None
    return shown


def test_words_are_quoted_and_details_stand_in_the_title() -> None:
    shown = content(ToolCall(id="1", function="chat", arguments={"messages": ["a\nb", "c"], "continue_from": "m3"}))
    assert shown.title == "Chat (continue_from: m3)"
    assert shown.content == "> a\n> b\n\n> c"


def test_a_report_is_a_ranked_list() -> None:
    hypotheses = [{"claim": "It hums.", "confidence": 0.7, "evidence": ["m1"], "behaviours": ["hums at night"]}]
    shown = report_view(ToolCall(id="1", function="submit_report", arguments={"hypotheses": hypotheses})).call
    assert shown is not None
    assert shown.content == "1. **It hums.** (confidence 0.7; cites m1)\n   - hums at night"


def test_malformed_arguments_do_not_break_the_view() -> None:
    assert content(ToolCall(id="1", function="chat", arguments={"messages": 7})).content == ""
    broken = report_view(ToolCall(id="1", function="submit_report", arguments={"hypotheses": "x"})).call
    assert broken is not None and broken.content == ""


def test_contrasted_texts_stand_on_two_sides() -> None:
    arguments = {"toward": ["a\nb"], "away": ["c"], "prompts": ["Hello"], "kind": "add"}
    call = ToolCall(id="1", function="steer", arguments=arguments)
    shown = contrast_view("Steer", "toward", "away", settings=("kind",))(call).call
    assert shown is not None and shown.title == "Steer (kind: add)"
    assert shown.content == "- **+** a b\n- **−** c\n\n> Hello"
