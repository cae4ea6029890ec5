"""How the target's words are shown to an auditor: whole, or cut with a note, and never with raw control codes."""

import re
from collections.abc import Sequence

from cordelia.contracts.record import TargetMessage

SHOWN_CHARACTERS = 3_000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def clean(text: str) -> str:
    """Text without control and direction characters, which can hide or reorder what a reader sees."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def shorten(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """Text up to `limit` characters, with a note of how much is missing."""
    text = clean(text)
    if len(text) <= limit:
        return text
    return f"{text[:limit]} […{len(text) - limit:,} more characters]"


def show(message: TargetMessage, limit: int = SHOWN_CHARACTERS) -> str:
    """One message under its id, with a mark on the part that the auditor wrote."""
    prefix = f"⟦prefilled: {shorten(message.prefill, 400)}⟧" if message.prefill else ""
    text = shorten(message.text, limit)
    ending = "" if message.stop_reason == "stop" else f" ⟦stopped: {message.stop_reason}⟧"
    return f"[{message.id}] {prefix}{text if text.strip() else '⟦empty reply⟧'}{ending}"


def show_all(messages: Sequence[TargetMessage], limit: int = SHOWN_CHARACTERS) -> str:
    """Several messages, each under its id."""
    return "\n\n".join(show(message, limit) for message in messages)
