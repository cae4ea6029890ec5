"""What an audit cost: tokens by who spent them, questions to the target, and time.

Tokens are read from the transcript's model calls, the auditor's with its input each time anew (what one pays
for), cache hits of inspect's own cache left out. So a rescoring counts the audit again and not itself.
"""

from inspect_ai.event import Event, ModelEvent
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer
from inspect_ai.solver import TaskState

from cordelia.contracts.record import AuditRecord
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
            metadata=case_metadata(state, record),
        )

    return score


def _tokens(events: list[Event]) -> dict[Speaker, int]:
    spent: dict[Speaker, int] = {"auditor": 0, "helper": 0, "target": 0, "reference": 0, "grader": 0}
    for event in events:
        if isinstance(event, ModelEvent) and event.output.usage is not None and event.cache != "read":
            spent[speaker(event)] += event.output.usage.total_tokens
    return spent
