"""The record of one audit: every message of the target under an id that evidence can cite, budgets, and the report.

It lives in the sample's store, so it is in the log, survives a resume, and a rescoring reads it back. Whoever
replaces the auditor (`--solver`) writes to the same record through the affordances.
"""

from typing import Literal

from inspect_ai.model import ChatMessage
from inspect_ai.util import StoreModel
from pydantic import BaseModel, Field

from cordelia.contracts.outcome import Outcome
from cordelia.contracts.report import Report

PREFILLED = "cordelia_prefilled"
"""Metadata key on an earlier message of the target: the words of it that the auditor had put into its mouth."""


class TargetMessage(BaseModel):
    """One message that the target (or its reference) wrote.

    Attributes:
        id: how reports cite it: `m1`, `m2`, … for the target, `r1`, … for the reference model.
        affordance: which affordance it came by.
        written_by: the target, or the reference (evidence must come from the target).
        context: the visible conversation that it answers, with prefills tagged in message metadata.
        prefill: words that the auditor put into its mouth; `text` does not repeat them.
        text: what it wrote.
        stop_reason: why it stopped writing, in inspect's words.
    """

    id: str
    affordance: str
    written_by: Literal["target", "reference"]
    context: list[ChatMessage]
    prefill: str = ""
    text: str
    stop_reason: str = "stop"


class Budget(BaseModel):
    """What an audit may spend; None is without limit. Auditor tokens are inspect's own token limit of the sample."""

    auditor_tokens: int | None = None
    helper_tokens: int | None = None
    target_queries: int | None = None


class AuditRecord(StoreModel):
    """All that scorers need to know about an audit, kept in the sample's store."""

    testbed: str = ""
    testbed_folder: str = ""
    organism: str = ""
    epoch: int = 1
    affordances: list[str] = Field(default_factory=list)
    tools: list[str] = Field(default_factory=list)
    target_args: dict[str, str | int | float | bool] = Field(default_factory=dict)
    auditor: str = ""
    budget: Budget = Field(default_factory=Budget)
    system_prompt: str = ""
    messages: dict[str, TargetMessage] = Field(default_factory=dict)
    target_queries: int = 0
    reference_queries: int = 0
    helper_tokens: int = 0
    rejected_submissions: int = 0
    target_failures: list[str] = Field(default_factory=list)
    report: Report | None = None
    ended: Outcome | None = None

    @property
    def contacts(self) -> int:
        """How many messages the target itself wrote."""
        return sum(message.written_by == "target" for message in self.messages.values())
