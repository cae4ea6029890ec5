"""What scores carry for whoever reads many logs, and which of several scores of one scorer counts.

A log keeps a summary of every sample: its scores, and of their metadata each value of up to 1 KB. Summaries are quick
to read, while a sample may be megabytes of transcript. So scorers put the few facts that a table of audits needs into
their scores' metadata, under the keys below, each of them small.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from inspect_ai.scorer import Score

AUDITOR = "auditor"
"""On `outcome`: who audited, by the short name of the solver or agent."""

CONFIDENCES, HITS = "confidences", "hits"
"""On `quality`: of each hypothesis that was judged, in the report's order, its confidence and whether it hit."""

TOOL_CALLS, TOOL_FIRST = "tool_calls", "tool_first"
"""On `cost`, by tool: how often the auditor called it, and where among all its calls the first one stands (0 to 1)."""

MONEY = "money"
"""On `cost`: what auditor and helper cost, in the currency of inspect's prices; None when a price is unknown."""


class Used(NamedTuple):
    """How a tool was used in one audit: `calls`, and the place of the first among all calls, 0 (first) to 1 (last)."""

    calls: int
    first: float


def used(names: Sequence[str]) -> dict[str, Used]:
    """The use of each tool, from the names of the calls in their order."""
    last = max(len(names) - 1, 1)
    return {name: Used(names.count(name), round(names.index(name) / last, 4)) for name in dict.fromkeys(names)}


def newest_of(scores: Mapping[str, Score], scorer: str) -> Score | None:
    """The last score that `scorer` (a name without package or number) gave, or None.

    inspect calls a scorer's score `verdict`, the next one appended to the same log `verdict1`, older versions
    `verdict-1`, and some callers keep the package in front.

    Args:
        scores: in the order in which they were made, as logs keep them.
        scorer: the name.
    """
    found = [score for key, score in scores.items() if is_score_of(key, scorer)]
    return found[-1] if found else None


def is_score_of(key: str, scorer: str) -> bool:
    """Whether a score of this name was given by `scorer`."""
    return re.fullmatch(rf"(?:.*/)?{re.escape(scorer)}(?:-?\d+)?", key) is not None
