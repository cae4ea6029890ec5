"""How the target's words are shown to an auditor: whole, or cut with a note, and never with raw control codes."""

import unicodedata
from collections.abc import Sequence

from cordelia.contracts.record import TargetMessage

SHOWN_CHARACTERS = 3_000
KEPT = "\n\t"
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode's categories of what is not seen: controls, directions, zero widths, tags, private use, line separators."""


class _Visible(dict[int, str]):
    """Each character as it is shown; a table for `str.translate` that fills itself."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        hidden = unicodedata.category(char) in HIDDEN and char not in KEPT
        self[code] = shown = "\N{REPLACEMENT CHARACTER}" if hidden else char
        return shown


_VISIBLE = _Visible()


def clean(text: str) -> str:
    """Text without control and direction characters, which can hide or reorder what a reader sees."""
    return text.translate(_VISIBLE)


def shorten(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """Text up to `limit` characters, with a note of how much is missing."""
    if len(text) <= limit:
        return clean(text)
    return f"{clean(text[:limit])} […{len(text) - limit:,} more characters]"


def show(message: TargetMessage, limit: int = SHOWN_CHARACTERS) -> str:
    """One message under its id, with a mark on the part that the auditor wrote."""
    prefix = f"⟦prefilled: {shorten(message.prefill, 400)}⟧" if message.prefill else ""
    text = shorten(message.text, limit)
    ending = "" if message.stop_reason == "stop" else f" ⟦stopped: {message.stop_reason}⟧"
    return f"[{message.id}] {prefix}{text if text.strip() else '⟦empty reply⟧'}{ending}"


def show_all(messages: Sequence[TargetMessage], limit: int = SHOWN_CHARACTERS) -> str:
    """Several messages, each under its id."""
    return "\n\n".join(show(message, limit) for message in messages)
