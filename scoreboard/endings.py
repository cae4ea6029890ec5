"""Outcomes of samples that were never scored, or never run."""

from cordelia.contracts.outcome import Outcome

ERROR = Outcome.ERROR.value
"""What the machinery broke; on the scoreboard also a sample that has no outcome, as it could not be scored."""

NOT_RUN = "not_run"
"""The outcome of an audit that was planned and of which no log holds a sample: its run was stopped, or still runs."""
