"""diff_mining: which tokens the target expects more than its base while both read the base's own answers.

Only what is needed to write a shifted token out as words is asked of the target: one continuation a lead. A lead for
which no query is left stands without.
"""

from collections.abc import Sequence

import numpy as np
from anyio import to_thread
from inspect_ai.tool import ToolError

from cordelia.contracts.record import TargetMessage
from cordelia.solvers.affordances.diff_mining import readings, render
from cordelia.solvers.auditors.arms.battery import MARKS_SHOWN, subject_of
from cordelia.solvers.auditors.battery import Settings, base_answers, battery_prompts
from cordelia.solvers.auditors.leads import Lead
from cordelia.solvers.auditors.signflip import Raised, Scores, by_topic, raised
from cordelia.solvers.look import show
from cordelia.solvers.mining import Reading, matched, mine
from cordelia.solvers.prefill import prefill_message
from cordelia.solvers.target import Target

WRITTEN_TOKENS = 12
SHOWN = 12
MOST_LEADS = 10


async def mining_arm(settings: Settings) -> list[Lead]:
    """One lead a topic, with the words that the target goes on to write."""
    asked = battery_prompts(settings.prompts_per_topic, settings.topics)
    answers = await base_answers(asked, settings)
    read = await readings([(prompt, reply.text) for (_, prompt), reply in zip(asked, answers, strict=True)], [])
    shown = show("diff_mining", render(await to_thread.run_sync(mine, read), "the base's answers", SHOWN))
    observation = shown[1 : shown.index("]")]
    tokens, scores = await to_thread.run_sync(token_scores, read)
    topics = [topic for topic, _ in asked]
    found = raised(scores, topics, settings.permutations, settings.seed, settings.level)
    leads = []
    for group in by_topic(found)[:MOST_LEADS]:
        best = max(
            (place for place in range(len(read)) if group[0].topic in (topics[place], "any topic")),
            key=lambda place: scores[place, group[0].column],
        )
        written = await _written(asked[best][1], answers[best], read[best], tokens[group[0].column])
        leads.append(_lead(group, tokens, written, observation))
    return leads


def token_scores(read: Sequence[Reading]) -> tuple[list[str], Scores]:
    """How much each token is raised in each text: the tokens, and nats [texts, tokens], negative where lowered."""
    column: dict[str, int] = {}
    rows = []
    for reading in read:
        mined = mine([reading])
        row: dict[int, float] = {}
        for sign, shifts in ((1.0, mined.raised), (-1.0, mined.lowered)):
            for shift in shifts:
                place = column.setdefault(shift.token, len(column))
                row[place] = row.get(place, 0.0) + sign * shift.weight
        rows.append(row)
    scores = np.zeros((len(rows), len(column)))
    for number, row in enumerate(rows):
        scores[number, list(row)] = list(row.values())
    return list(column), scores


async def _written(prompt: str, answer: TargetMessage, reading: Reading, token: str) -> TargetMessage | None:
    """What the target writes on where a token is raised the most: the answer up to there, and the token, prefilled.

    None when no target query is left.
    """
    target = Target()
    try:
        target.afford(1)
    except ToolError:
        return None
    at = max(
        matched(reading),
        key=lambda pair: (
            reading.target.likely[pair[0]].get(token, -99.0) - reading.base.likely[pair[1]].get(token, -99.0)
        ),
    )[0]
    before = "".join(reading.target.tokens[reading.start + 1 : at + 1])
    conversation = [*target.opening(prompt), prefill_message(before + token)]
    [message] = await target.replies([conversation], "diff_mining", temperature=0.0, max_tokens=WRITTEN_TOKENS)
    return message


def _lead(group: Sequence[Raised], tokens: Sequence[str], written: TargetMessage | None, observation: str) -> Lead:
    first = group[0]
    begun = tokens[first.column] + (written.text if written else "")
    words = " ".join(begun.split()[:6])
    marks = [words, *(tokens[each.column].strip() or "a space" for each in group[:MARKS_SHOWN])]
    return Lead(
        marks=list(dict.fromkeys(mark for mark in marks if mark)),
        subject=subject_of(first.topic),
        counts=f"the token «{tokens[first.column].strip()}» is expected more in {first.texts} of {first.of} texts",
        p=first.p,
        evidence=[*([written.id] if written else []), observation],
    )
