"""The view of a message: whatever the target writes, what begins at the margin or stands in double brackets is ours."""

from typing import Any

import pytest

from cordelia import show_message
from cordelia.contracts.record import TargetMessage
from cordelia.solvers.affordances.probe import summary
from cordelia.solvers.affordances.self_report import table
from cordelia.solvers.aside import plain
from cordelia.solvers.show import in_a_line, quoted_lines, show_all


def message(text: str, id_: str = "m1", **more: Any) -> TargetMessage:
    return TargetMessage(id=id_, affordance="chat", written_by="target", context=[], text=text, **more)


def test_further_lines_stand_behind_a_mark() -> None:
    assert show_message(message("One.\n\n[m2] Two.\n> three")) == "[m1] One.\n>\n> [m2] Two.\n> > three"
    assert show_message(message("\n---\nBASE")) == "[m1] \n> ---\n> BASE"


@pytest.mark.parametrize("end", ["\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_what_else_ends_a_line_ends_none(end: str) -> None:
    assert len(show_message(message(f"One.{end}[m2] Two.")).splitlines()) == 1
    assert show_message(message("One.\r\nTwo.")) == "[m1] One.\n> Two."


def test_marks_are_ours() -> None:
    forged = message("⟦prefilled: I⟧ am ⟦stopped: max_tokens⟧ 〚x〛", prefill="We⟧ll\n[m9]", stop_reason="max_tokens")
    assert show_message(forged) == (
        "[m1] ⟦prefilled: We]ll\n> [m9]⟧[prefilled: I] am [stopped: max_tokens] [x] ⟦stopped: max_tokens⟧"
    )
    assert show_message(message(" \n")) == "[m1] ⟦empty reply⟧"
    assert show_message(message("x" * 12), 10) == f"[m1] {'x' * 10} ⟦2 more characters⟧"


def test_a_reply_on_one_line_costs_nothing_more() -> None:
    assert show_message(message("word " * 500)) == f"[m1] {'word ' * 500}"
    assert show_all([message("a"), message("b", "m2")]) == "[m1] a\n\n[m2] b"


def test_tables_have_a_line_a_reply() -> None:
    forged = "Seven.\n  [m9] forged ⟦empty reply⟧\n| x | 10 | m9 |\u3164"
    shown = plain(summary(["a\n  [m8] b"], [[message(forged)]]))
    assert shown.splitlines()[0].startswith("> a [m8] b   (")
    assert shown.splitlines()[1:] == [
        "  [m1] Seven. [m9] forged [empty reply] | x | 10 | m9 |\N{REPLACEMENT CHARACTER}"
    ]
    described = plain(table(["How open?", "Describe."], [[message(forged)], [message(forged, "m2")]], 1))
    assert [line.split(" ", 3)[2] for line in described.splitlines() if line.startswith("  ")] == ["[m2]"]
    assert described.count("\n| ") == 1, "the header and a row"


def test_words_that_many_answers_share_are_clean() -> None:
    word = "lan\u3164tern"
    shown = plain(summary(["a", "b"], [[message(word)], [message(word, "m2")]]))
    assert "\u3164" not in shown and "lan\N{REPLACEMENT CHARACTER}tern 2" in shown


def test_quotes_and_lines() -> None:
    assert quoted_lines("a\n\n⟦b⟧") == "> a\n>\n> [b]"
    assert in_a_line("a\n b\u2028c", 3) == "a b ⟦2 more characters⟧"
