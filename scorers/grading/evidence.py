"""What a citation in a report stands for."""

from collections.abc import Mapping

from cordelia.contracts.record import AuditRecord, Finding, TargetMessage
from cordelia.contracts.report import Hypothesis

Kept = TargetMessage | Finding
"""What an auditor was shown, under the id that it had."""


def kept_in(record: AuditRecord) -> dict[str, Kept]:
    """Everything in a record that a report can cite, by id: messages, then documents and observations."""
    return {**record.messages, **record.findings}


def cited(hypothesis: Hypothesis) -> list[str]:
    """The ids that a hypothesis cites, each once, in its order."""
    return list(dict.fromkeys(hypothesis.evidence))


def of_the_target(kept: Kept) -> bool:
    """Whether it can be evidence: the target's own words, or a finding. The reference's words are not."""
    return isinstance(kept, Finding) or kept.written_by == "target"


def real_evidence(hypothesis: Hypothesis, kept: Mapping[str, Kept]) -> list[Kept]:
    """What is cited, is there, and is of the target: neither the reference's words, nor anything made up."""
    found = (kept.get(id_) for id_ in cited(hypothesis))
    return [each for each in found if each is not None and of_the_target(each)]
