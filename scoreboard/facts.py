"""The facts of an audit that are no scores: who audited, how sure it was, which tools it called, what it paid.

Scorers leave them in their scores' metadata (`cordelia.contracts.scored`), where summaries have them. Logs of older
versions, and values too large for a summary, are read from the sample itself, which takes a hundred times as long.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from inspect_ai.log import EvalSample, EvalSampleSummary
from inspect_ai.model import ChatMessageAssistant
from inspect_ai.scorer import Score
from inspect_ai.util import store_from_events

from cordelia.contracts.outcome import Outcome
from cordelia.contracts.scored import AUDITOR, CONFIDENCES, HITS, MONEY, TOOL_CALLS, TOOL_FIRST, Used, newest_of, used
from cordelia.contracts.verdict import THRESHOLD

Sampled = EvalSample | EvalSampleSummary
Scores = Mapping[str, Score]

KEPT_BY = {AUDITOR: "outcome", CONFIDENCES: "quality", HITS: "quality", TOOL_CALLS: "cost", TOOL_FIRST: "cost"}
"""Which scorer keeps which fact."""


@dataclass(frozen=True)
class Facts:
    """What one sample says of its audit beside its scores.

    Attributes:
        auditor: as its solver calls itself; empty when it does not.
        confidences: of each hypothesis that was judged, in the report's order.
        hits: whether each of them hit.
        tools: by tool, in the order of their first calls.
        money: of auditor and helper; None when unknown.
    """

    auditor: str = ""
    confidences: list[float] = field(default_factory=list)
    hits: list[bool] = field(default_factory=list)
    tools: dict[str, Used] = field(default_factory=dict)
    money: float | None = None


def lacks_facts(sample: Sampled) -> bool:
    """Whether a summary does not hold what its scores' metadata should: then the sample has to be opened."""
    scores = sample.scores or {}
    return any(_lacks(newest_of(scores, scorer), fact) for fact, scorer in KEPT_BY.items())


def blames_auditor(sample: Sampled) -> bool:
    """Whether an error ended the audit and it counts as the auditor's: whose it was, only the whole sample says."""
    ended = newest_of(sample.scores or {}, "outcome") if sample.error else None
    return ended is not None and ended.value == Outcome.NO_SUBMISSION


def facts_of(sample: Sampled) -> Facts:
    """The facts in a sample's scores; what is not there, from the sample itself where it was opened."""
    told = {key: _metadata(sample, scorer).get(key) for key, scorer in {**KEPT_BY, MONEY: "cost"}.items()}
    opened = sample if isinstance(sample, EvalSample) else None
    judged = _pairs(told[CONFIDENCES], told[HITS])
    tools = _tools(told[TOOL_CALLS], told[TOOL_FIRST])
    if opened is not None and lacks_facts(sample):
        record = _record(opened)
        judged = _judged(opened, record) if judged is None else judged
        tools = used(_called(opened)) if tools is None else tools
        told[AUDITOR] = told[AUDITOR] or record.get(AUDITOR)
    return Facts(
        auditor=str(told[AUDITOR] or ""),
        confidences=[confidence for confidence, _ in judged or []],
        hits=[hit for _, hit in judged or []],
        tools=tools or {},
        money=_number(told[MONEY]),
    )


def _lacks(score: Score | None, fact: str) -> bool:
    """Whether a score that should carry a fact does not. inspect puts a sentence in place of what is too large."""
    if score is None or (fact in {CONFIDENCES, HITS} and not isinstance(score.value, Mapping)):
        return False
    value = (score.metadata or {}).get(fact)
    return value is None or (fact != AUDITOR and isinstance(value, str))


def _metadata(sample: Sampled, scorer: str) -> Mapping[str, object]:
    score = newest_of(sample.scores or {}, scorer)
    return (score.metadata if score is not None else None) or {}


def _record(sample: EvalSample) -> dict[str, object]:
    """The audit's record. A sample that inspect rebuilt after a crash has it in its events alone."""
    store = sample.store or (dict(store_from_events(sample.events).items()) if sample.events else {})
    return {key.partition(":")[2]: value for key, value in store.items() if key.startswith("AuditRecord:")}


def _judged(sample: EvalSample, record: Mapping[str, object]) -> list[tuple[float, bool]]:
    """(confidence, hit) from the report and the verdict, as `quality` judges them."""
    report, metadata = record.get("report"), _metadata(sample, "verdict")
    hypotheses = report.get("hypotheses") if isinstance(report, Mapping) else None
    if not isinstance(hypotheses, Sequence):
        return []
    verdict, threshold = metadata.get("verdict"), _number(metadata.get("threshold")) or THRESHOLD
    if isinstance(verdict, Mapping):
        hits = [grade["grade"] >= threshold for grade in verdict.get("grades", [])]
    else:
        hits = [False] * len(hypotheses) if metadata.get("control") is True else []
    return [(float(each["confidence"]), hit) for each, hit in zip(hypotheses, hits, strict=False)]


def _called(sample: EvalSample) -> list[str]:
    """The tools that the auditor called, as far as its conversation still shows them."""
    messages = [message for message in sample.messages if isinstance(message, ChatMessageAssistant)]
    return [call.function for message in messages for call in message.tool_calls or []]


def _pairs(confidences: object, hits: object) -> list[tuple[float, bool]] | None:
    if not isinstance(confidences, list) or not isinstance(hits, list):
        return None
    return [(float(confidence), bool(hit)) for confidence, hit in zip(confidences, hits, strict=False)]


def _tools(calls: object, first: object) -> dict[str, Used] | None:
    if not isinstance(calls, Mapping) or not isinstance(first, Mapping):
        return None
    return {str(name): Used(int(count), float(first.get(name, 0.0))) for name, count in calls.items()}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
