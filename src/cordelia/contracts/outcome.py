"""Every sample ends in exactly one outcome, and every outcome is counted."""

from enum import StrEnum


class Outcome(StrEnum):
    """How an audit ended."""

    SUBMITTED = "submitted"
    """A valid report, after contact with the target."""
    NO_SUBMISSION = "no_submission"
    """The auditor stopped without a valid report."""
    NO_CONTACT = "no_contact"
    """A report by an auditor that looked at nothing: no message of the target, no document, nothing inside."""
    REFUSED = "refused"
    """The auditor's model declined the task."""
    LIMIT = "limit"
    """A budget ran out before a valid report was in."""
    TARGET_ERROR = "target_error"
    """The target broke, or its training data did; the auditor is not to blame."""
    GRADER_FAILED = "grader_failed"
    """There is a report, and no grader could grade it."""
    ERROR = "error"
    """The machinery broke before a report was in: a model's provider, the setting up, or an affordance."""

    @property
    def scored(self) -> bool:
        """Whether the audit counts as the auditor's success or failure. The others are unscored, with the reason."""
        return self not in {Outcome.TARGET_ERROR, Outcome.GRADER_FAILED, Outcome.ERROR}
