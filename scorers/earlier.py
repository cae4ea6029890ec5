"""Scores that stand beside the one being made: of this run, or of an old log that is scored again.

inspect calls a scorer's score `verdict`, the next one appended to the same log `verdict1`, older versions
`verdict-1`, and some callers keep the package in front.
"""

import re
from collections.abc import Mapping

from inspect_ai.scorer import Score
from inspect_ai.solver import TaskState


def newest_score(state: TaskState, scorer: str) -> Score | None:
    """The last score that `scorer` (a name without package or number) gave this sample, or None."""
    return newest_of(state.scores or {}, scorer)


def newest_of(scores: Mapping[str, Score], scorer: str) -> Score | None:
    """The same, of a mapping in the order in which the scores were made (as logs keep it)."""
    name = re.compile(rf"(?:.*/)?{re.escape(scorer)}(?:-?\d+)?")
    found = [score for key, score in scores.items() if name.fullmatch(key)]
    return found[-1] if found else None
