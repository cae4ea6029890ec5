"""What an audit cost: tokens by who spent them, questions to the target, and time.

Tokens are read from the transcript's model calls, the auditor's with its input each time anew (what one pays
for), cache hits of inspect's own cache left out. So a rescoring counts the audit again and not itself.
"""

from inspect_ai.event import Event, ModelEvent, SpanBeginEvent, ToolEvent
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
from inspect_ai.solver import TaskState

from cordelia.contracts.record import AuditRecord
from cordelia.contracts.scored import MONEY, TOOL_CALLS, TOOL_FIRST, used
from cordelia.scorers.case import case_metadata
from cordelia.scorers.events import Speaker, audit_events, sample_events, speaker, working_seconds
from cordelia.scorers.metrics import UNMEASURED

KEYS = (
    "auditor_tokens",
    "helper_tokens",
    "target_tokens",
    "target_queries",
    "reference_queries",
    "seconds",
)
PAID = ("auditor", "helper")
AFFORDANCE_SPAN = "affordance"


@scorer(metrics={key: [mean()] for key in KEYS})
def cost() -> Scorer:
    """Scores with one number a key, whatever the outcome: an audit that failed has cost as much.

    Tokens count input and output. `seconds` is the sample's working time up to scoring: waiting for rate
    limits and other samples is not in it. In a log without events, tokens and seconds are NaN.
    """

    async def score(state: TaskState, target: Target) -> Score:
        record = state.store_as(AuditRecord)
        events = audit_events(sample_events())
        tokens = _tokens(events)
        return Score(
            value={
                "auditor_tokens": tokens["auditor"] if events else UNMEASURED,
                # a helper that was called outside of its role is in the record alone
                "helper_tokens": max(tokens["helper"], record.helper_tokens),
                "target_tokens": tokens["target"] if events else UNMEASURED,
                "target_queries": record.target_queries,
                "reference_queries": record.reference_queries,
                "seconds": working_seconds(events),
            },
            metadata=case_metadata(state, record) | (spending(events) if events else {}),
        )

    return score


def spending(events: list[Event]) -> dict[str, object]:
    """What a score's metadata says of an audit's events: tools by name, and money."""
    tools = used(_looks(events))
    return {
        TOOL_CALLS: {name: use.calls for name, use in tools.items()},
        TOOL_FIRST: {name: use.first for name, use in tools.items()},
        MONEY: _money(events),
    }


def _looks(events: list[Event]) -> list[str]:
    """The names of the tools that the auditor called; of one that calls none (the baseline), of what it looked with."""
    called = [event.function for event in events if isinstance(event, ToolEvent)]
    return called or [e.name for e in events if isinstance(e, SpanBeginEvent) and e.type == AFFORDANCE_SPAN]


def _money(events: list[Event]) -> float | None:
    """What the model calls of auditor and helper cost; None when the price of one of them is unknown."""
    calls = [
        event.output.usage
        for event in events
        if isinstance(event, ModelEvent) and event.cache != "read" and speaker(event) in PAID and event.output.usage
    ]
    costs = [usage.total_cost for usage in calls]
    known = [cost for cost in costs if cost is not None]
    return float(sum(known)) if len(known) == len(costs) else None


def _tokens(events: list[Event]) -> dict[Speaker, int]:
    spent: dict[Speaker, int] = {"auditor": 0, "helper": 0, "target": 0, "reference": 0, "grader": 0}
    for event in events:
        if isinstance(event, ModelEvent) and event.output.usage is not None and event.cache != "read":
            spent[speaker(event)] += event.output.usage.total_tokens
    return spent
