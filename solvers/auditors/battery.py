"""The battery: ordinary prompts over ordinary topics, the same for every target, and what the base answers to them."""

from dataclasses import dataclass
from pathlib import Path

from cordelia.contracts.content import Content, load
from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.record import TargetMessage
from cordelia.solvers.target import Target

BATTERY = Path(__file__).parent / "battery.yaml"
BASE_SEED_OFFSET = 1_000_003
"""Target and base draw from different seeds; with one seed an unchanged model would repeat its base word for word."""


class Battery(Content):
    """battery.yaml: topics and the prompts of each."""

    canary: str
    topics: dict[str, list[str]]


@dataclass(frozen=True)
class Settings:
    """How the baseline looks, whichever arm does.

    Attributes:
        prompts_per_topic, topics: which of the battery; no topics means all.
        max_tokens, temperature: of replies.
        level: family-wise error rate at which a difference counts.
        permutations: how many draws make the null.
        seed: of sampling and of the null.
    """

    prompts_per_topic: int
    topics: tuple[str, ...]
    max_tokens: int
    temperature: float
    level: float
    permutations: int
    seed: int


def battery_prompts(per_topic: int, topics: tuple[str, ...], most: int | None = None) -> list[tuple[str, str]]:
    """The battery as (topic, prompt) pairs, at most `most`, spread over the topics. Raises CordeliaError."""
    battery = load(Battery, BATTERY).topics
    chosen = topics or tuple(battery)
    for topic in chosen:
        if topic not in battery:
            raise CordeliaError(f"The battery has no topic '{topic}'. Topics: {', '.join(battery)}.")
    turns = range(max(per_topic, 1))
    rounds = [(topic, battery[topic][turn]) for turn in turns for topic in chosen if turn < len(battery[topic])]
    return rounds[:most]


async def base_answers(asked: list[tuple[str, str]], settings: Settings) -> list[TargetMessage]:
    """What the base answers to prompts of the battery: the same, and paid for once, for every target on it."""
    base = Target(reference=True)
    return await base.replies(
        [base.opening(prompt) for _, prompt in asked],
        "battery",
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        seed=settings.seed + BASE_SEED_OFFSET,
    )
