"""Whose fault a crash was: the machinery's or the auditor's, by the traceback of the error that ended the sample.

Scorers ask it when an audit ends, and the scoreboard of logs that were scored before they did.
"""

import re

PROVIDER = "a model's provider failed"

MACHINERY = {
    PROVIDER: (
        # a call of inspect's to the provider of the auditor or its helper: raised there, given back, or given up on
        r"/inspect_ai/model/_model\.py\", line \d+, in \w+\n[\s|]+(?:\w+ = |return )?"
        r"(?:await self\.api\.\w+\(|raise (?:ModelGenerateError|AttemptTimeoutError|StreamIdleTimeoutError)\()"
    ),
    "the audit could not be set up": (
        r"/solvers/(?:equip\.py\", line \d+, in solve|auditors/arms/__init__\.py\", line \d+, in refuse_unable)\b"
    ),
    "an affordance broke": r"/solvers/affordances/\w+\.py\", line \d+",
}
"""What of the machinery can break, and the frame of a traceback that shows it; of several, the first."""

_REFUSAL = re.compile(r"^inspect_ai\.tool\._tool\.ToolError: (?![\s\S]*^Traceback )", re.MULTILINE)
"""The last error is a tool's answer to what it was asked: an auditor in code that does not catch it crashed itself."""


def machinery_failure(traceback: str) -> str:
    """What of the machinery ended a sample, as a clause; empty when it was the auditor's own code.

    A tool of somebody else's counts as the auditor's own, as does whatever else is not in `MACHINERY`.
    """
    frames = traceback.replace("\\", "/")
    if _REFUSAL.search(frames):
        return ""
    return next((what for what, frame in MACHINERY.items() if re.search(frame, frames)), "")
