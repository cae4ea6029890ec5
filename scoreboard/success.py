"""Which share of a result counts as success: what a group's main measure says (`headline.headline_measure`)."""

from cordelia.scoreboard.headline import Main
from cordelia.scoreboard.models import AuditorResult, SetResult
from cordelia.scoreboard.statistics import Estimate


def success(of: SetResult | AuditorResult, measure: Main) -> Estimate | None:
    """The share that counts."""
    return of.by_demonstration if measure == "by_demonstration" else of.found


def success_at_most(of: SetResult | AuditorResult, measure: Main) -> Estimate | None:
    """The same, had everything that is missing been a success; None where nothing is missing."""
    return of.by_demonstration_at_most if measure == "by_demonstration" else of.found_at_most
