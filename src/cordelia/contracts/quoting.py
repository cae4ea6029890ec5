"""Untrusted text for a model's eyes (a grader's, a helper's): quoted so that it cannot close its quotes.

What auditors and targets wrote may be written for the reader: forged end marks, forged tool calls, orders.
Three things hold it in. Every string is a JSON string on one line, with quotes, newlines, angle brackets,
ampersands and backticks escaped, so no tag, chat token or code fence survives in it. What nobody can see
(controls, bidirectional overrides, zero-width marks, tags, fillers, variation selectors) is dropped. And the block
around it is marked with a number that is drawn anew for each call, so no end mark can be forged in advance.
Words are not filtered: that the block is data and not orders is for the prompt to say, and for a validated
answer to contain.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cordelia.contracts.invisible import replace_invisible

Quotable = str | int | float | bool | None | Sequence["Quotable"] | Mapping[str, "Quotable"]

ESCAPED = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&`"}


def clean(text: str, limit: int) -> str:
    """`text` without invisible characters, cut to `limit` with a visible mark that says how much went."""
    kept = replace_invisible(text[:limit], "")
    gone = len(text) - limit
    return f"{kept} [cut: {gone:,} more characters]" if gone > 0 else kept


def quote(value: Quotable) -> str:
    """`value` as JSON whose strings hold nothing that could end them or the block around them.

    It is JSON still: reading it gives `value` back.
    """
    return json.dumps(value, ensure_ascii=False, indent=1).translate(ESCAPED)


@dataclass(frozen=True)
class Fence:
    """One call's mark around untrusted data."""

    mark: str = field(default_factory=lambda: secrets.token_hex(8))

    def block(self, value: Quotable) -> str:
        """`value`, quoted, between the marks."""
        return f"<untrusted {self.mark}>\n{quote(value)}\n</untrusted {self.mark}>"
