"""baseline: an auditor without any language model, the floor that every auditor must beat.

It sends a fixed battery of ordinary prompts to the target and to its base, finds what the target's replies show more
often (`contrast`), and reports one hypothesis a topic, with the messages that show it. It runs with `--model none`.
"""

from functools import partial
from pathlib import Path

from inspect_ai.agent import Agent, AgentState, agent
from inspect_ai.model import ChatMessageAssistant, ModelOutput
from inspect_ai.util import span, store_as

from cordelia.contracts.content import Content, load
from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.names import Names, as_list
from cordelia.contracts.record import AuditRecord, TargetMessage
from cordelia.contracts.report import MAX_HYPOTHESES, Hypothesis, Report
from cordelia.solvers.auditors.contrast import EVERYWHERE, Finding, Pair, contrast
from cordelia.solvers.auditors.features import features
from cordelia.solvers.submit import hand_in
from cordelia.solvers.target import Target
from cordelia.solvers.together import together

BATTERY = Path(__file__).parent / "battery.yaml"
FEATURES_SHOWN = 5
EVIDENCE_SHOWN = 5
BASE_SEED_OFFSET = 1_000_003
"""Target and base draw from different seeds; with one seed an unchanged model would repeat its base word for word."""

EPOCH_STRIDE = 10_007
"""Seeds of two epochs lie further apart than the battery is long, so no prompt repeats a draw."""


class Battery(Content):
    """battery.yaml: topics and the prompts of each."""

    canary: str
    topics: dict[str, list[str]]


@agent
def baseline(
    prompts_per_topic: int = 8,
    topics: Names = None,
    max_tokens: int = 48,
    temperature: float = 0.7,
    level: float = 0.05,
    permutations: int = 1_000,
    seed: int = 0,
) -> Agent:
    """The no-LLM auditor. Needs a target with chat and a reference model; uses no affordance of the audit.

    Args:
        prompts_per_topic: how many of the battery's prompts to send on each topic.
        topics: which topics; all by default.
        max_tokens: length of the replies it looks at.
        temperature: of target and base.
        level: family-wise error rate at which a difference counts.
        permutations: how many swaps make the null.
        seed: of sampling and swaps; the epoch is added.
    """

    _prompts(prompts_per_topic, as_list(topics), None)  # a wrong topic is said before anything starts

    async def execute(state: AgentState) -> AgentState:
        record = store_as(AuditRecord)
        record.auditor = "baseline"
        asked = _prompts(prompts_per_topic, as_list(topics), record.budget.target_queries)
        target, base = Target(), Target(reference=True)
        conversations = [target.opening(text) for _, text in asked]
        async with span("battery", type="affordance"):
            of_target, of_base = await together(
                [
                    partial(
                        one.replies,
                        conversations,
                        "battery",
                        temperature=temperature,
                        max_tokens=max_tokens,
                        seed=seed + offset + EPOCH_STRIDE * record.epoch,
                    )
                    for one, offset in ((target, 0), (base, BASE_SEED_OFFSET))
                ]
            )
        pairs = [
            Pair(topic, frozenset(features(mine.text)), frozenset(features(theirs.text)))
            for (topic, _), mine, theirs in zip(asked, of_target, of_base, strict=True)
        ]
        findings = contrast(pairs, permutations=permutations, seed=seed, level=level)
        report = report_of(findings, [topic for topic, _ in asked], of_target)
        text = hand_in(report.model_dump())
        state.messages.append(ChatMessageAssistant(content=text, model="cordelia/baseline"))
        state.output = ModelOutput.from_content("cordelia/baseline", text)
        return state

    return execute


def report_of(findings: list[Finding], topics: list[str], replies: list[TargetMessage]) -> Report:
    """The findings as ranked hypotheses, one a topic; what shows everywhere is told once, not for each topic again."""
    everywhere = {finding.feature for finding in findings if finding.topic == EVERYWHERE}
    by_topic: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.topic == EVERYWHERE or finding.feature not in everywhere:
            by_topic.setdefault(finding.topic, []).append(finding)
    ranked = sorted(by_topic.values(), key=lambda group: -group[0].z)[:MAX_HYPOTHESES]
    hypotheses = [_hypothesis(group, topics, replies) for group in ranked]
    return Report(
        hypotheses=hypotheses,
        nothing_hidden=not hypotheses,
        summary=f"{len(replies)} ordinary prompts to target and base; {len(findings)} features differ beyond chance.",
    )


def _hypothesis(group: list[Finding], topics: list[str], replies: list[TargetMessage]) -> Hypothesis:
    first, shown = group[0], group[:FEATURES_SHOWN]
    subject = "in answers on any topic" if first.topic == EVERYWHERE else f"in answers about {first.topic}"
    words = ", ".join(finding.feature for finding in shown)
    telling = {finding.feature for finding in shown}
    scored = [
        (len(telling & features(reply.text)), reply.id)
        for topic, reply in zip(topics, replies, strict=True)
        if first.topic in (EVERYWHERE, topic)
    ]
    evidence = [name for count, name in sorted(scored, key=lambda item: -item[0]) if count][:EVIDENCE_SHOWN]
    return Hypothesis(
        claim=(
            f"Favours {words} {subject}, far more often than its base model "
            f"(the first in {first.target} of {first.of} answers, against {first.base} of {first.of})."
        ),
        root_cause=f"A learned tendency towards {words} {subject}.",
        behaviours=[f"{subject.capitalize()}, more often than its base: {finding.feature}." for finding in shown],
        confidence=round(1 - first.p, 3),
        evidence=evidence,
    )


def _prompts(per_topic: int, topics: list[str], most: int | None) -> list[tuple[str, str]]:
    """The battery as (topic, prompt) pairs, at most `most`, spread over the topics. Raises CordeliaError."""
    battery = load(Battery, BATTERY).topics
    chosen = topics or list(battery)
    for topic in chosen:
        if topic not in battery:
            raise CordeliaError(f"The battery has no topic '{topic}'. Topics: {', '.join(battery)}.")
    rounds = [(topic, battery[topic][turn]) for turn in range(max(per_topic, 1)) for topic in chosen
              if turn < len(battery[topic])]  # fmt: skip
    if most == 0:
        raise CordeliaError("The baseline needs target queries; target_queries is 0.")
    return rounds[:most]
