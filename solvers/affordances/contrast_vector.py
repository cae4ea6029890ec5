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
        checked: how the vector of all *other* texts does on those left out of it, in words.
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
    """How many pairs, a text of each side, lie the right way along the difference of all other texts.

    That is half of them under noise, however many texts a side has. Sides of the same size are paired in order: what a
    pair is about then cancels out. Of others every text of one makes a pair with every text of the other.
    """
    if min(len(toward), len(away)) < 2:
        return "not checked, for a side of one text has none to leave out"
    paired = len(toward) == len(away)
    ours, theirs = [np.arange(len(toward))] * 2 if paired else np.indices((len(toward), len(away))).reshape(2, -1)
    apart = toward[ours] - away[theirs]
    others = _mean_of_others(toward)[ours] - _mean_of_others(away)[theirs]
    right = int(((apart * others).sum(axis=1) > 0).sum())
    shared = "" if paired else f" (at most {min(len(toward), len(away))} of them share no text)"
    return f"tells {right} of {len(apart)} pairs apart when each is left out{shared}"


def _mean_of_others(side: Array) -> Array:
    """For each text of a side [texts, width], the mean of all others."""
    others: Array = (side.sum(axis=0) - side) / (len(side) - 1)
    return others
