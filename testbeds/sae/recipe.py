"""recipe.yaml: how an autoencoder is trained."""

from typing import Literal

from pydantic import Field

from cordelia.contracts.content import Content
from cordelia.contracts.intervention import Layer


class SaeRecipe(Content):
    """A BatchTopK or TopK autoencoder of one block's residual stream."""

    kind: Literal["batchtopk", "topk"] = "batchtopk"
    layer: Layer = Field(default=0.5, description="block by index, or by depth from 0.0 to 1.0")
    features: int = Field(default=4_096, ge=2, le=1_000_000)
    k: int = Field(default=32, ge=1, description="features of a token; of batchtopk on average")
    epochs: int = Field(default=4, ge=1, description="how often the training text is gone through")
    batch: int = Field(default=1_024, ge=1, description="tokens a step")
    learning_rate: float = Field(default=1e-3, gt=0, lt=1)
    warmup: int = Field(default=50, ge=0, description="steps of linear warm-up; the last fifth falls to 0 linearly")
    dead_after: int = Field(default=20_000, ge=1, description="tokens after which a silent feature is to be revived")
    revive: float = Field(default=1 / 32, ge=0, description="weight of the loss that revives silent features")
    max_length: int = Field(default=256, ge=8, description="tokens of a text; what is beyond is cut")
    longest: float | None = Field(
        default=10,
        gt=1,
        le=1_000,
        description="a token whose activation is longer than this many times the median is left out; null keeps all",
    )
    held_out: float = Field(default=0.1, gt=0, lt=1, description="share of the texts that is kept for measuring")
    save_every: int = Field(default=200, ge=1, description="steps between checkpoints")
    seed: int = Field(default=0, ge=0)
