"""Scores that stand beside the one being made: of this run, or of an old log that is scored again."""

from inspect_ai.scorer import Score
from inspect_ai.solver import TaskState

from cordelia.contracts.scored import newest_of


def newest_score(state: TaskState, scorer: str) -> Score | None:
    """The last score that `scorer` (a name without package or number) gave this sample, or None."""
    return newest_of(state.scores or {}, scorer)
