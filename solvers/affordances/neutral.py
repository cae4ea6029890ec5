"""Neutral text for tools that look inside the target, or push it, and need something to do that on."""

from functools import cache
from pathlib import Path

from pydantic import Field

from cordelia.contracts.content import Content, load

CONTENT = Path(__file__).parent / "neutral.yaml"


class Exchange(Content):
    """An everyday request and an unremarkable reply, which gives a look inside a reply to read."""

    prompt: str
    reply: str


class Neutral(Content):
    """neutral.yaml: ordinary prompts, plain texts of many kinds, and exchanges over many topics."""

    canary: str
    prompts: list[str] = Field(min_length=1)
    texts: list[str] = Field(min_length=1)
    chats: list[Exchange] = Field(min_length=1)


@cache
def neutral() -> Neutral:
    """The neutral texts. Raises ContentError."""
    return load(Neutral, CONTENT)


def neutral_prompts(count: int) -> list[str]:
    """The first `count` of the ordinary prompts."""
    return neutral().prompts[:count]
