"""What an affordance's default calls gave, as an agent would have been shown it: what `tool_check` judges."""

from inspect_ai.util import StoreModel
from pydantic import BaseModel, Field


class ShownCall(BaseModel):
    """One call of a tool.

    Attributes:
        tool: its name.
        arguments: what it was called with.
        text: what it gave; empty where it refused.
        refused: why it gave nothing, in the tool's words.
    """

    tool: str
    arguments: dict[str, object] = Field(default_factory=dict)
    text: str = ""
    refused: str = ""


class DefaultEvidence(StoreModel):
    """The default evidence of one affordance on one target, kept in the sample's store beside the audit's record."""

    affordance: str = ""
    calls: list[ShownCall] = Field(default_factory=list)

    @property
    def text(self) -> str:
        """All that was shown."""
        return "\n\n".join(call.text for call in self.calls if call.text)

    @property
    def refusals(self) -> str:
        """Why calls gave nothing, a line each."""
        return "\n".join(f"{call.tool}: {call.refused}" for call in self.calls if call.refused)
