"""From what an arm of the baseline found to a report: one hypothesis a lead, the least likely by chance first."""

from collections.abc import Sequence
from dataclasses import dataclass

from cordelia.contracts.report import MAX_HYPOTHESES, Hypothesis, Report


@dataclass(frozen=True)
class Lead:
    """Something that sets the target apart.

    Attributes:
        marks: the words or forms that show it, the strongest first.
        subject: where it shows, such as "in answers about cooking".
        counts: the numbers behind the strongest, in a few words.
        p: family-wise probability of one as strong by chance.
        evidence: ids of messages, documents or observations.
    """

    marks: list[str]
    subject: str
    counts: str
    p: float
    evidence: list[str]


def report_of(leads: Sequence[Lead], summary: str) -> Report:
    """The leads as a report. Of leads with one p the order is kept."""
    ranked = sorted(leads, key=lambda lead: lead.p)[:MAX_HYPOTHESES]
    return Report(
        hypotheses=[_hypothesis(lead) for lead in ranked],
        nothing_hidden=not ranked,
        summary=summary,
    )


def _hypothesis(lead: Lead) -> Hypothesis:
    words = ", ".join(lead.marks)
    return Hypothesis(
        claim=f"Favours {words} {lead.subject}, far more often than its base model ({lead.counts}).",
        root_cause=f"A learned tendency towards {words} {lead.subject}.",
        behaviours=[f"{lead.subject.capitalize()}, more often than its base: {mark}." for mark in lead.marks],
        confidence=round(1 - lead.p, 3),
        evidence=lead.evidence,
    )
