"""A direction from contrasted texts: the mean difference of activations at one block.

Activations are averaged over a reply's own tokens, or, of texts without a question, over all tokens but the first
(an attention sink about a hundred times as long as the others). Each text counts the same, however long it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cordelia.contracts.intervention import Layer
from cordelia.solvers.look import Look, chat_text, plain_text
from cordelia.testbeds.backends.inside import Captured, Text
from cordelia.testbeds.vectors import Array


@dataclass(frozen=True)
class Contrast:
    """A direction and how far it can be trusted.

    Attributes:
        vector: float32 [width], the mean of the first texts less that of the others.
        layer: the block's index.
        share: the length of the vector over the mean length of a token's activation.
        checked: how the vector of all *other* texts does on those left out of it, in words; empty where there are too
            few to leave any out.
    """

    vector: Array
    layer: int
    share: float
    checked: str


async def contrast(toward: Sequence[str], away: Sequence[str], question: str, layer: Layer) -> Contrast:
    """The direction from `away` to `toward`. Raises ToolError for a layer that there is not."""
    replies = [*toward, *away]
    texts = [chat_text(question, reply) if question else plain_text(reply) for reply in replies]
    captured = await Look().capture(texts, [layer])
    rows = [own_tokens(text, seen) for text, seen in zip(texts, captured, strict=True)]
    means = np.stack([row.mean(axis=0) for row in rows])
    side = np.array([True] * len(toward) + [False] * len(away))
    vector = means[side].mean(axis=0) - means[~side].mean(axis=0)
    length = float(np.mean([np.linalg.norm(row, axis=1).mean() for row in rows]))
    return Contrast(
        vector=vector.astype(np.float32),
        layer=captured[0].layers[0],
        share=float(np.linalg.norm(vector)) / length,
        checked=left_out_check(means[side], means[~side]),
    )


def own_tokens(text: Text, seen: Captured) -> Array:
    """The activations [tokens, width] of a text's reply, or of all of it but the first token."""
    start = 1
    if text.reply:
        start, left = len(seen.tokens), len(text.reply)
        while start > 1 and left > 0:
            start -= 1
            left -= len(seen.tokens[start])
    return seen.hidden[0, min(start, len(seen.tokens) - 1) :]


async def usual_length(prompts: Sequence[str], layer: Layer, reference: bool = False) -> tuple[float, int]:
    """The mean length of a token's activation over prompts, the first token left out, and the block's index."""
    captured = await Look(reference).capture([chat_text(prompt) for prompt in prompts], [layer])
    lengths = np.concatenate([np.linalg.norm(seen.hidden[0, 1:], axis=1) for seen in captured])
    return float(lengths.mean()), captured[0].layers[0]


def left_out_check(toward: Array, away: Array) -> str:
    """As pairs where both sides have as many texts: what a pair is about then cancels out; else text by text."""
    if min(len(toward), len(away)) < 2:
        return ""
    if len(toward) == len(away):
        differences = toward - away
        others = differences.sum(axis=0) - differences
        right = int(((differences * others).sum(axis=1) > 0).sum())
        return f"tells {right} of {len(differences)} pairs apart when each is left out"
    right = sum(
        _on_its_side(side, other, place)
        for side, other in ((toward, away), (away, toward))
        for place in range(len(side))
    )
    return f"sorts {right} of {len(toward) + len(away)} texts right when each is left out"


def _on_its_side(side: Array, other: Array, place: int) -> bool:
    """Whether a text is on its own side of the middle between the other texts."""
    rest, far = np.delete(side, place, axis=0).mean(axis=0), other.mean(axis=0)
    return float((side[place] - (rest + far) / 2) @ (rest - far)) > 0
