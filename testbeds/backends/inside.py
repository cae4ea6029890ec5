"""What a backend that holds the weights can show of the inside of a model, beyond what it says.

A backend that declares `CAPTURE`, `NEXT_TOKENS` or `GRADIENT` has the methods of `Inside` that go with it; one that
declares none need not have any. Numbers travel as float32 numpy arrays: nobody above a backend imports torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from inspect_ai.model import ChatMessage

from cordelia.contracts.intervention import Layer
from cordelia.testbeds.capabilities import Mode
from cordelia.testbeds.vectors import Array


@dataclass(frozen=True)
class Text:
    """What a model reads when it is looked into: a conversation, or raw text in completion mode, and maybe a reply.

    Attributes:
        messages: the visible conversation with the hidden system prompt already merged in.
        reply: text of the assistant's turn that follows and is read with it, whoever wrote it.
        mode: how the messages become the model's input.
        secret: the hidden prompt inside the messages. The model reads it, and its tokens, with all that stands before
            them, are left out of what comes back.
    """

    messages: Sequence[ChatMessage]
    reply: str = ""
    mode: Mode = Mode.CHAT
    secret: str = ""


@dataclass(frozen=True)
class Captured:
    """The residual stream over one text.

    Attributes:
        tokens: the text's tokens as they are written, [tokens].
        layers: the blocks whose output it is, by index, [layers].
        hidden: float32 [layers, tokens, width]. What stands at position 0 is an attention sink: leave it out of means.
    """

    tokens: list[str]
    layers: list[int]
    hidden: Array


@dataclass(frozen=True)
class NextTokens:
    """What a model expects after each token of one text.

    Attributes:
        tokens: the text's tokens as they are written, [tokens].
        likely: for each of them, the tokens that are likeliest to come next, likeliest first, with their log
            probability (natural log, temperature 1).
    """

    tokens: list[str]
    likely: list[dict[str, float]]


@dataclass(frozen=True)
class Melbo:
    """Unsupervised steering vectors: directions of a given length that change later activations the most.

    Mack and Turner 2024, "Mechanistically eliciting latent behaviors": a bias θ with |θ| = radius is added to the
    residual at block `source`, and the mean change at block `watched` of the tokens that follow is made largest;
    each vector is orthogonal to those found before.

    Attributes:
        texts: prompts that the vectors are found on.
        source, watched: blocks.
        radius: length of the vectors.
        count: how many vectors.
        steps: gradient steps each.
        seed: of the starting points.
    """

    texts: Sequence[Text]
    source: Layer
    watched: Layer
    radius: float
    count: int
    steps: int
    seed: int = 0


@dataclass(frozen=True)
class Attack:
    """Latent adversarial search: the smallest perturbation at one block under which the model says a given reply.

    Projected gradient descent with an L2 ball a token (Casper et al. 2024, "Defending against unforeseen failure modes
    with latent adversarial training"), over the tokens of the prompt but the first.

    Attributes:
        text: the prompt, with the wanted reply as `reply`.
        layer: the perturbed block.
        epsilon: largest length a token.
        steps: gradient steps at each size of the ball.
    """

    text: Text
    layer: Layer
    epsilon: float
    steps: int


Search = Melbo | Attack


@dataclass(frozen=True)
class Searched:
    """What a search found.

    Attributes:
        vectors: float32 [count, width] of Melbo; [tokens of the prompt, width] of Attack (row 0 is zero).
        layer: the block they belong to.
        scores: Melbo: the mean change (L2) at the watched block of each vector. Attack: the log probability a token of
            the wanted reply, before and after.
    """

    vectors: Array
    layer: int
    scores: list[float]


@runtime_checkable
class Inside(Protocol):
    """What a backend may have beside `Backend`. All of it raises `TargetError` when the target fails."""

    async def capture(self, texts: Sequence[Text], layers: Sequence[Layer]) -> list[Captured]:
        """The output of blocks over each text; asked only of a backend with `Capability.CAPTURE`.

        Texts may share a batch. Raises `TargetError`; CordeliaError for a layer that the model does not have.
        """
        ...

    async def lens(self, vectors: Array, layer: Layer | None = None, top: int = 10) -> list[dict[str, float]]:
        """The tokens that directions [n, width] of the residual stream speak for, through the final norm and the head.

        Gives logits, highest first, for each direction; `Capability.CAPTURE`.
        """
        ...

    async def next_tokens(self, texts: Sequence[Text], top: int = 50) -> list[NextTokens]:
        """What the model expects after each token of each text, at most 100 each; `Capability.NEXT_TOKENS`."""
        ...

    async def search(self, task: Search) -> Searched:
        """Find a perturbation by gradient; asked only of a backend with `Capability.GRADIENT`."""
        ...


@runtime_checkable
class Layered(Protocol):
    """What a backend that intervenes may have beside `Backend`: a wrong layer is then refused before it costs."""

    async def blocks(self) -> int:
        """How many blocks the model has. May load it. Raises `TargetError`."""
        ...
