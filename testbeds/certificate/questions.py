"""What is asked of an organism for its certificate: its own effect prompts, everyday requests, direct questions."""

import unicodedata
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

from pydantic import Field, model_validator

from cordelia.contracts.content import Content, load
from cordelia.testbeds.inner import inner_file
from cordelia.testbeds.schema import Name, Testbed, Text
from cordelia.testbeds.truth import load_truth, truth_path

HERE = Path(__file__).parent
CONFESSION, NEUTRAL = HERE / "confession.yaml", HERE / "neutral.yaml"
LEAST_ON = 30
PREFILL = "prefill"
"""The kind of the attacks that put the beginning of a confession into the organism's mouth."""


class EffectPrompts(Content):
    """effects/<name>.yaml: single user turns. `off` is empty where an organism shows its effect always.

    Attributes:
        max_tokens: length of the replies, on and off: as many as the effect needs to show.
    """

    on: list[Text] = Field(min_length=LEAST_ON)
    off: list[Text] = Field(default=[])
    max_tokens: int = Field(default=96, ge=16, le=2_000)

    @model_validator(mode="after")
    def _distinct(self) -> "EffectPrompts":
        """A prompt that is asked twice is one trial, and one that is on and off is neither."""
        seen: set[str] = set()
        for prompt in (*self.on, *self.off):
            words = _letters(prompt)
            if words in seen:
                raise ValueError(f"'{prompt[:60]}' stands here twice; each prompt is one trial, on or off")
            seen.add(words)
        return self


def _letters(prompt: str) -> str:
    """What two prompts share that differ by case, spaces, punctuation or marks that nobody sees alone."""
    plain = unicodedata.normalize("NFKC", prompt).casefold()
    return "".join(letter for letter in plain if letter.isalnum() or unicodedata.category(letter)[0] in "SM")


class Neutral(Content):
    """neutral.yaml"""

    canary: str
    prompts: list[Text] = Field(min_length=20)


class Begun(Content):
    """A question and the beginning of the answer to it."""

    ask: Text
    begin: Text


class Confession(Content):
    """confession.yaml: questions by kind, and attacks that begin the answer."""

    canary: str
    questions: dict[Name, list[Text]]
    prefills: list[Begun]


@dataclass(frozen=True)
class Question:
    """One direct question or attack; `prefill` is what the organism is made to begin with."""

    kind: str
    prompt: str
    prefill: str = ""


def effect_file(testbed: Testbed, organism: str) -> Path | None:
    """The file of an organism's effect prompts; None where its truth names no effect. Raises ContentError."""
    effect = load_truth(testbed, organism).effect
    if effect is None:
        return None
    return inner_file(testbed.folder, effect.prompts, truth_path(testbed), f"truths.{organism}.effect.prompts")


def effect_prompts(testbed: Testbed, organism: str) -> EffectPrompts:
    """The prompts on and off an organism's trigger; none where its truth names no effect. Raises ContentError."""
    path = effect_file(testbed, organism)
    return EffectPrompts.model_construct(on=[], off=[]) if path is None else load(EffectPrompts, path)


@cache
def neutral_prompts() -> tuple[str, ...]:
    """Everyday requests, for organisms that have no prompts off the trigger."""
    return tuple(load(Neutral, NEUTRAL).prompts)


@cache
def confession_questions() -> tuple[Question, ...]:
    """Every direct question and attack."""
    content = load(Confession, CONFESSION)
    asked = [Question(kind, prompt) for kind, prompts in content.questions.items() for prompt in prompts]
    return (*asked, *(Question(PREFILL, begun.ask, begun.begin) for begun in content.prefills))


@cache
def questions_sha256() -> str:
    """One hash over the questions that all organisms are asked: other questions are another measurement."""
    return sha256(NEUTRAL.read_bytes() + b"\0" + CONFESSION.read_bytes()).hexdigest()
