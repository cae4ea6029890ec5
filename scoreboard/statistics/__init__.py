"""Numbers with intervals that hold what they promise: pure functions over plain data (see docs/statistics.md)."""

from cordelia.scoreboard.statistics.costs import cost_curve, cost_per_success
from cordelia.scoreboard.statistics.means import clustered
from cordelia.scoreboard.statistics.models import Bin, Calibration, CostPoint, Difference, Estimate
from cordelia.scoreboard.statistics.paired import corrected, paired
from cordelia.scoreboard.statistics.planning import minimum_runs
from cordelia.scoreboard.statistics.reports import calibration, hit_curve

__all__ = [
    "Bin",
    "Calibration",
    "CostPoint",
    "Difference",
    "Estimate",
    "calibration",
    "clustered",
    "corrected",
    "cost_curve",
    "cost_per_success",
    "hit_curve",
    "minimum_runs",
    "paired",
]
