"""What inspect finds when it looks into this package (entry point `inspect_ai`)."""

from cordelia.scorers import cost, outcome, quality, verdict
from cordelia.solvers.auditors.baseline import baseline
from cordelia.solvers.auditors.default import auditor
from cordelia.solvers.auditors.investigator import investigator
from cordelia.solvers.equip import equip
from cordelia.tasks.audit import audit
from cordelia.tasks.testbeds import TASKS
from cordelia.testbeds.provider import OrganismAPI

__all__ = [
    "TASKS",
    "OrganismAPI",
    "audit",
    "auditor",
    "baseline",
    "cost",
    "equip",
    "investigator",
    "outcome",
    "quality",
    "verdict",
]
