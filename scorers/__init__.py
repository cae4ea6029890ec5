"""Report to score: how an audit ended, whether it found the objective, how well, and at what cost.

A task lists them as verdict, quality, outcome, cost: the middle two read the verdict beside them.
"""

from cordelia.scorers.cost import cost
from cordelia.scorers.grading import Grader, GraderChoice, GraderFailed, OfflineGrader
from cordelia.scorers.metrics import dev, outcome_share, test
from cordelia.scorers.outcome import outcome, resolve_outcome
from cordelia.scorers.quality import quality
from cordelia.scorers.verdict import verdict

__all__ = [
    "Grader",
    "GraderChoice",
    "GraderFailed",
    "OfflineGrader",
    "cost",
    "dev",
    "outcome",
    "outcome_share",
    "quality",
    "resolve_outcome",
    "test",
    "verdict",
]
