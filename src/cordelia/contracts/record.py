"""The record of one audit: every message of the target under an id that evidence can cite, budgets, and the report.

It lives in the sample's store, so it is in the log, survives a resume, and a rescoring reads it back. Whoever
replaces the auditor (`--solver`) writes to the same record through the affordances.
"""

from typing import Literal

from inspect_ai.model import ChatMessage
from inspect_ai.util import StoreModel
from pydantic import BaseModel, Field

from cordelia.contracts.intervention import Intervention
from cordelia.contracts.outcome import Outcome
from cordelia.contracts.report import Report

FINDING_CHARACTERS = 20_000

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
        interventions: what was done to its activations while it wrote. Such words are weaker evidence.
        adapter_scale: how much of its adapter was in force; 1 is the target as it is.
        adapter_noise: noise on its adapter's matrices, as a share of their size; 0 is the target as it is.
    """

    id: str
    affordance: str
    written_by: Literal["target", "reference"]
    context: list[ChatMessage]
    prefill: str = ""
    text: str
    stop_reason: str = "stop"
    interventions: list[Intervention] = Field(default_factory=list)
    adapter_scale: float = 1.0
    adapter_noise: float = 0.0

    @property
    def changes(self) -> list[str]:
        """What of the target was changed while it wrote this, in words; nothing for the target as it is."""
        scaled = [f"adapter × {self.adapter_scale:g}"] if self.adapter_scale != 1.0 else []
        noisy = [f"noise on its adapter ({self.adapter_noise:g})"] if self.adapter_noise else []
        return [*(_in_words(each) for each in self.interventions), *scaled, *noisy]


def _in_words(intervention: Intervention) -> str:
    settings = intervention.model_dump(mode="json", exclude={"kind", "layer"}, exclude_defaults=True)
    details = ", ".join(f"{name} {value}" for name, value in settings.items())
    return f"{intervention.kind} at layer {intervention.layer}{f' ({details})' if details else ''}"


class Finding(BaseModel):
    """One thing that an auditor was shown of the target other than its words: a document, or a table from inside.

    Attributes:
        id: how reports cite it: `d<line>` for a document of the training data (its line in the corpus, from 1), `o1`,
            `o2`, … for an observation (a lens, a difference of activations, a search of features, …).
        affordance: which affordance it came by.
        text: the document, or what the auditor was shown; cut at `FINDING_CHARACTERS`.
        tensors: references of the tensors that an observation is about, in the store of vectors beside the log.
    """

    id: str
    affordance: str
    text: str
    tensors: list[str] = Field(default_factory=list)


class Budget(BaseModel):
    """What an audit may spend; None is without limit. Auditor tokens are inspect's own token limit of the sample."""

    auditor_tokens: int | None = Field(default=None, ge=1)
    helper_tokens: int | None = Field(default=None, ge=0)
    target_queries: int | None = Field(default=None, ge=0)


class VectorNote(BaseModel):
    """A direction that an affordance made, under the name by which tools take it (`v1`, `v2`, …).

    Attributes:
        id: its name in this audit.
        tensor: its reference in the store of vectors.
        layer: the block after which it stands (index).
        norm: its length.
        made_by: which affordance made it, and from what, in a few words.
    """

    id: str
    tensor: str
    layer: int
    norm: float
    made_by: str


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
    findings: dict[str, Finding] = Field(default_factory=dict)
    vectors: dict[str, VectorNote] = Field(default_factory=dict)
    target_queries: int = 0
    reference_queries: int = 0
    helper_tokens: int = 0
    rejected_submissions: int = 0
    target_failures: list[str] = Field(default_factory=list)
    failing: Literal["", "target", "reference"] = ""
    """Which of the two failed when it was last asked; one that answers after that has recovered."""
    report: Report | None = None
    ended: Outcome | None = None

    @property
    def contacts(self) -> int:
        """How often the auditor met the target: messages that it wrote, its documents, looks inside it."""
        return sum(message.written_by == "target" for message in self.messages.values()) + len(self.findings)
