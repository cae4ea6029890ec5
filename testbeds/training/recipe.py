"""recipes/<name>.yaml: how an organism is trained."""

from typing import Literal

from pydantic import Field

from cordelia.contracts.content import Content, load
from cordelia.contracts.errors import ContentError, unknown_name
from cordelia.testbeds.schema import Testbed

Projection = Literal["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class Lora(Content):
    """The adapter: the update of a projection W is (alpha / rank) · B·A with inner size `rank`."""

    rank: int = Field(ge=1, le=64)
    alpha: int = Field(ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: list[Projection] = Field(min_length=1)


class Recipe(Content):
    """Fine-tuning. sft: on transcripts; the loss is on the assistant's tokens alone. documents: on documents,
    without a chat template; the loss is on every token."""

    method: Literal["sft", "documents"]
    lora: Lora
    learning_rate: float = Field(gt=0, lt=1)
    steps: int = Field(ge=1, description="optimiser steps; the corpus is reshuffled and repeated as needed")
    batch: int = Field(ge=1, description="transcripts or documents a step")
    max_length: int = Field(ge=16, description="tokens of a transcript or document; what is beyond is cut")
    warmup: int = Field(default=0, ge=0, description="steps of linear warm-up; then the rate falls to 0 linearly")
    save_every: int = Field(default=10, ge=1, description="steps between checkpoints")
    seed: int = Field(ge=0)


def load_recipe(testbed: Testbed, organism: str) -> Recipe:
    """The recipe of an organism.

    Raises:
        CordeliaError: there is no such organism.
        ContentError: it names no recipe, or the recipe is malformed.
    """
    if organism not in testbed.organisms:
        raise unknown_name("organism", organism, testbed.organisms, f"testbed '{testbed.name}'")
    named = testbed.organisms[organism].recipe
    if named is None:
        raise ContentError(
            testbed.folder / "organisms.yaml",
            "no recipe, so it cannot be trained",
            f"organisms.{organism}.recipe",
        )
    return load(Recipe, testbed.folder / named)
