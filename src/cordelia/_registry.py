"""What inspect finds when it looks into this package (entry point `inspect_ai`)."""

from cordelia.scorers import cost, outcome, quality, verdict
from cordelia.scorers.certificate import coherence, confession, off_trigger, strength
from cordelia.scorers.labelled.scorer import grade_agreement
from cordelia.scorers.tool_check import breadth, identification
from cordelia.solvers.auditors.baseline import baseline
from cordelia.solvers.auditors.default import auditor
from cordelia.solvers.auditors.investigator import investigator
from cordelia.solvers.default_evidence import default_evidence
from cordelia.solvers.equip import equip
from cordelia.tasks.audit import audit
from cordelia.tasks.certify import certify
from cordelia.tasks.examiner import examine
from cordelia.tasks.grade_check import grade_check, written_already
from cordelia.tasks.testbeds import TASKS
from cordelia.tasks.tool_check import tool_check
from cordelia.testbeds.provider import OrganismAPI

__all__ = [
    "TASKS",
    "OrganismAPI",
    "audit",
    "auditor",
    "baseline",
    "breadth",
    "certify",
    "coherence",
    "confession",
    "cost",
    "default_evidence",
    "equip",
    "examine",
    "grade_agreement",
    "grade_check",
    "identification",
    "investigator",
    "off_trigger",
    "outcome",
    "quality",
    "strength",
    "tool_check",
    "verdict",
    "written_already",
]
