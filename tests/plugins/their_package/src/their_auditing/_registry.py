"""What inspect finds in this package."""

from their_auditing.auditor import their_auditor
from their_auditing.tool import their_tool

__all__ = ["their_auditor", "their_tool"]
