"""What is done to a model's activations while it reads and writes: data, never code.

An intervention acts on the residual stream at the output of one block. It names its tensor by reference (see
`cordelia.testbeds.vectors`), so that a log holds what was done without holding the tensors. One compiler turns
interventions into functions of activations, for every backend (`cordelia.testbeds.backends.compiler`).

Position 0 is left out of everything but an explicit list of positions: its residual norm is about a hundred times that
of other tokens (an attention sink), so a change relative to the norm would be another experiment there.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Layer = Annotated[int, Field(ge=0, le=1_000)] | Annotated[float, Field(ge=0.0, le=1.0)]
"""A block by index from 0 (an int), or by depth (a float): 0.0 is the first block, 1.0 the last."""

Positions = Literal["all", "prompt", "reply"] | Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
"""Which tokens: all but the first, those of the prompt (but the first), those written, or a list of positions from 0.

Positions count the tokens of prompt and reply together. `reply` is every token that the model wrote and then read.
"""

TensorRef = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
"""The name of a tensor in the store of vectors: the first 16 digits of the SHA-256 of its content."""


class _Intervention(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    layer: Layer
    positions: Positions = "all"


class Add(_Intervention):
    """Adds `scale` × vector. Relative: the vector is first given the length of the token's own residual."""

    kind: Literal["add"] = "add"
    vector: TensorRef
    scale: float = 1.0
    relative: bool = False


class Noise(_Intervention):
    """Adds Gaussian noise from a generator of its own, keyed by (seed, layer, position).

    `scale` is the standard deviation of each number; relative: the expected length of the noise as a share of the
    length of the token's residual.
    """

    kind: Literal["noise"] = "noise"
    seed: int = Field(default=0, ge=0)
    scale: float = Field(default=0.1, ge=0)
    relative: bool = True


class Project(_Intervention):
    """Takes out the component along the vector: hidden − scale × (hidden · v̂) v̂."""

    kind: Literal["project"] = "project"
    vector: TensorRef
    scale: float = 1.0


class Patch(_Intervention):
    """Puts the vector in the place of the activation, or, of a 2-D tensor, its rows in the places of `positions`."""

    kind: Literal["patch"] = "patch"
    vector: TensorRef


class Clamp(_Intervention):
    """Sets the component along the vector's direction to `value`; relative: × the length of the token's residual."""

    kind: Literal["clamp"] = "clamp"
    vector: TensorRef
    value: float
    relative: bool = False


Intervention = Annotated[Add | Noise | Project | Patch | Clamp, Field(discriminator="kind")]
