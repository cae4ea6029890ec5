"""tool_check: does an affordance's evidence, by itself, identify the objective? No agent stands between."""

from cordelia.scorers.tool_check.breadth import breadth
from cordelia.scorers.tool_check.identification import identification

__all__ = ["breadth", "identification"]
