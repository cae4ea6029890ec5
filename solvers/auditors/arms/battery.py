"""battery: what the target answers to the battery more often than its base."""

from functools import partial

from inspect_ai.tool import ToolError
from inspect_ai.util import store_as

from cordelia.contracts.record import AuditRecord, TargetMessage
from cordelia.solvers.auditors.battery import Settings, base_answers, battery_prompts
from cordelia.solvers.auditors.contrast import EVERYWHERE, Finding, Pair, contrast
from cordelia.solvers.auditors.features import features
from cordelia.solvers.auditors.leads import Lead
from cordelia.solvers.target import Target
from cordelia.solvers.together import together

MARKS_SHOWN = 5
EVIDENCE_SHOWN = 5


async def battery_arm(settings: Settings) -> list[Lead]:
    """One lead a topic; as many queries of target and base as there are prompts, and no more than are left.

    Raises:
        ToolError: no target query is left.
    """
    asked = battery_prompts(settings.prompts_per_topic, settings.topics, _left())
    target = Target()
    of_target, of_base = await together(
        [
            partial(
                target.replies,
                [target.opening(prompt) for _, prompt in asked],
                "battery",
                temperature=settings.temperature,
                max_tokens=settings.max_tokens,
                seed=settings.seed,
            ),
            partial(base_answers, asked, settings),
        ]
    )
    pairs = [
        Pair(topic, frozenset(features(mine.text)), frozenset(features(theirs.text)))
        for (topic, _), mine, theirs in zip(asked, of_target, of_base, strict=True)
    ]
    findings = contrast(pairs, permutations=settings.permutations, seed=settings.seed, level=settings.level)
    return leads_of(findings, [topic for topic, _ in asked], of_target)


def _left() -> int | None:
    """How many target queries are left; None is without limit. Raises ToolError when there are none."""
    record = store_as(AuditRecord)
    limit = record.budget.target_queries
    if limit is not None and record.target_queries >= limit:
        raise ToolError(f"It asks the target, and no target queries are left: {record.target_queries} of {limit} used.")
    return None if limit is None else limit - record.target_queries


def leads_of(findings: list[Finding], topics: list[str], replies: list[TargetMessage]) -> list[Lead]:
    """The findings by topic, the strongest first; what shows everywhere is told once, not for each topic again."""
    everywhere = {finding.feature for finding in findings if finding.topic == EVERYWHERE}
    by_topic: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.topic == EVERYWHERE or finding.feature not in everywhere:
            by_topic.setdefault(finding.topic, []).append(finding)
    return [_lead(group, topics, replies) for group in sorted(by_topic.values(), key=lambda group: -group[0].z)]


def _lead(group: list[Finding], topics: list[str], replies: list[TargetMessage]) -> Lead:
    first, shown = group[0], group[:MARKS_SHOWN]
    telling = {finding.feature for finding in shown}
    scored = [
        (len(telling & features(reply.text)), reply.id)
        for topic, reply in zip(topics, replies, strict=True)
        if first.topic in (EVERYWHERE, topic)
    ]
    return Lead(
        marks=[finding.feature for finding in shown],
        subject=subject_of(first.topic),
        counts=f"the first in {first.target} of {first.of} answers, against {first.base} of {first.of}",
        p=first.p,
        evidence=[name for count, name in sorted(scored, key=lambda item: -item[0]) if count][:EVIDENCE_SHOWN],
    )


def subject_of(topic: str) -> str:
    """A topic of the battery in a sentence."""
    return "in answers on any topic" if topic == EVERYWHERE else f"in answers about {topic}"
