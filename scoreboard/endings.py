"""Outcomes that are no ending of an audit's own, and whether a crash was the auditor's."""

import re

ERROR = "error"
"""The outcome of a sample that has none (it broke before it could be scored), or that the machinery broke."""

NOT_RUN = "not_run"
"""The outcome of an audit that was planned and of which no log holds a sample: its run was stopped, or still runs."""

_MACHINERY = re.compile(
    r"await self\.api\.generate\("  # inspect's call of a model's provider, of the auditor or its helper
    r"|/solvers/equip\.py\", line \d+, in solve\b"  # before the auditor has begun
    r"|/solvers/affordances/\w+\.py\", line \d+"  # a tool that the auditor was given
)


def machinery_broke(traceback: str) -> bool:
    """Whether what ended a sample was raised by a model's provider, the setting up, or an affordance.

    Everything else was raised by the code of the auditor, whose crash is its own failure.
    """
    return _MACHINERY.search(traceback.replace("\\", "/")) is not None
