"""What an affordance's default calls gave, as an agent would have been shown it: what `tool_check` judges."""

from inspect_ai.util import StoreModel
from pydantic import BaseModel, Field

from cordelia.contracts.errors import CordeliaError


class ShownCall(BaseModel):
    """One call of a tool.

    Attributes:
        tool: its name.
        arguments: what it was called with.
        text: what it gave; empty where it refused.
        data: the same without what the tool says of every target (headings, notes on how to read it, what it asks);
            None in logs from before it was kept.
        refused: why it gave nothing, in the tool's words.
    """

    tool: str
    arguments: dict[str, object] = Field(default_factory=dict)
    text: str = ""
    data: str | None = None
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
    def data(self) -> str:
        """What was shown of this target alone. Raises CordeliaError for a log that does not hold it."""
        if any(call.text and call.data is None for call in self.calls):
            raise CordeliaError(
                "This log does not say which of the tool's words are its own; make the check again: "
                "inspect eval cordelia/tool_check"
            )
        return "\n\n".join(call.data for call in self.calls if call.data)

    @property
    def refusals(self) -> str:
        """Why calls gave nothing, a line each."""
        return "\n".join(f"{call.tool}: {call.refused}" for call in self.calls if call.refused)
