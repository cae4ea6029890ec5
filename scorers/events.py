"""Which events of a sample belong to the audit, and who spoke in its model calls.

Scoring writes into the same transcript as the audit did, and a rescoring adds to it years later. So
everything under a scorer's span is left out here: a grader's tokens are never the auditor's, whatever model
or role it ran under.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from inspect_ai.event import Event, ModelEvent, ScoreEvent, SpanBeginEvent, SpanEndEvent
from inspect_ai.log import transcript

Speaker = Literal["auditor", "helper", "target", "reference", "grader"]

SCORING_SPANS = frozenset({"scorers", "scorer"})
SOLVING_SPAN = "solvers"
ORGANISM_PROVIDER = "organism/"


def sample_events() -> Sequence[Event]:
    """All events of the sample at hand, in a live run and in a rescoring alike."""
    return transcript().events


def audit_events(events: Iterable[Event]) -> list[Event]:
    """The events outside of every scorer's span, in order."""
    scoring: set[str] = set()
    kept: list[Event] = []
    for event in events:
        if isinstance(event, SpanBeginEvent) and (event.type in SCORING_SPANS or event.parent_id in scoring):
            scoring.add(event.id)
        inside = event.id if isinstance(event, SpanBeginEvent | SpanEndEvent) else event.span_id
        if inside not in scoring and not isinstance(event, ScoreEvent):
            kept.append(event)
    return kept


def working_seconds(events: Sequence[Event]) -> float:
    """Working time of the sample at the last of its `audit_events`; NaN when it never came to a solver.

    Not the largest: events from before the sample's clock starts carry the machine's.
    """
    solved = any(isinstance(event, SpanBeginEvent) and event.type == SOLVING_SPAN for event in events)
    return events[-1].working_start if solved else float("nan")


def speaker(event: ModelEvent) -> Speaker:
    """Who spoke: by the role of the call, then by the provider; whoever is left is the auditor."""
    match event.role:
        case "helper" | "target" | "reference" | "grader":
            return event.role
        case _:
            return "target" if event.model.startswith(ORGANISM_PROVIDER) else "auditor"
