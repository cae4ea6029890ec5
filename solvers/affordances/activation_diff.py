"""activation_diff: the mean difference of activations between target and base, read and steered on.

The activation-difference lens (Minder et al. 2025): narrow training leaves a constant trace in the residual stream at
the first tokens of any text. Position 0 is left out, since it holds an attention sink.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from inspect_ai.tool import Tool, ToolError, tool

from cordelia.contracts.intervention import Add, Layer
from cordelia.contracts.record import VectorNote
from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.how_to_read import how_to_read
from cordelia.solvers.affordances.neutral import neutral, neutral_prompts
from cordelia.solvers.affordances.pushed import PLAIN, Push, by_prompt, layer_of, pushed_replies
from cordelia.solvers.affordances.tokens import bounded, start_of, table, tokens_cell
from cordelia.solvers.aside import aside
from cordelia.solvers.look import Look, chat_text, name_vector, plain_text, show
from cordelia.solvers.together import together
from cordelia.solvers.views import said_view
from cordelia.testbeds.backends.inside import Captured
from cordelia.testbeds.capabilities import Capability
from cordelia.testbeds.vectors import Array

POSITIONS = 5
MOST_TEXTS = 200
READ_CHARACTERS = 400
"""Of a plain text only the beginning is read: what follows cannot change the first tokens."""

NOTHING = 1e-3
"""Length of the mean difference, as a share of the activation's, below which there is nothing to look at."""

LENS_TOKENS = 7
RANDOM, LOUD_TOP, LOUD_SHARE = 64, 20, 0.25
"""A token is loud, and left out of the lens, if it is in the top 20 of more than a quarter of 64 random directions."""

STRENGTHS = (0.25, 0.5, 1.0)
STRONGEST = 4.0
STEERED_PROMPTS, STEERED_TOKENS = 2, 50


@dataclass(frozen=True)
class Difference:
    """What sets target and base apart at one place of the texts.

    Attributes:
        place: what the place is called.
        texts: how many texts have it.
        mean: the mean difference, float32 [width].
        size: its length.
        steady: its length as a share of the mean length of the texts' own differences: 1 if all are the same.
        residual: mean length of the base's activation.
    """

    place: str
    texts: int
    mean: Array
    size: float
    steady: float
    residual: float

    @property
    def share(self) -> float:
        return self.size / self.residual if self.residual else 0.0


@tool(viewer=said_view("Activation difference", "texts", "prompts", settings=("chat", "layer", "strengths")))
def activation_diff() -> Tool:
    """Subtract the base's activations from the target's, read the difference, and steer on it."""

    async def execute(
        texts: list[str] | None = None,
        chat: bool = False,
        layer: float = 0.5,
        strengths: list[float] | None = None,
        prompts: list[str] | None = None,
    ) -> str:
        """See how the target's activations differ from its base's on neutral text, and what the difference speaks for.

        Training on a narrow subject leaves a trace even where a text has nothing to do with it. You get the mean
        difference at the first tokens of plain texts and right before a reply, the tokens that it speaks for, a name
        for each difference (v1, …) that other tools take, and replies of the target while the difference is added to
        its activations. Steering costs one query for each prompt and strength, and one for each prompt without.

        Args:
            texts: Texts to read instead of neutral ones. Thirty or more are better than few.
            chat: Read them as a user's messages; the places are then the last five before the reply.
            layer: 0 to 1 is a share of the depth, from 2 up a layer's index.
            strengths: How much of the difference is added, as a share of the activation's own length; negative takes
                it the other way. Default: 0.25, 0.5 and 1. An empty list: no steering.
            prompts: What the target is asked while it is steered. Default: two ordinary prompts.
        """
        scales = list(dict.fromkeys(STRENGTHS if strengths is None else strengths))
        if any(not abs(scale) <= STRONGEST for scale in scales):
            raise ToolError(f"Strengths are shares of the activation's length, from {-STRONGEST:g} to {STRONGEST:g}.")
        place = layer_of(layer)
        found, at = await differences(_checked(texts, chat), chat, place)
        what = f"{_count(found)} {'chat prompts' if chat else 'plain texts'}"
        means = [_together(found, f"all of them, {what}")]
        if texts is None and not chat:
            before, _ = await differences(_checked(None, True), True, place)
            means.append(_together(before, f"last {len(before)} before the reply, {_count(before)} chat prompts"))
            what = f"{what} and {_count(before)} chat prompts"
        kept = [each for each in means if each.share >= NOTHING]
        if not kept:
            share = max(each.share for each in means)
            return show("activation_diff", how_to_read("activation_diff_nothing", what=what, share=share))
        places = found if means[0] in kept else []
        notes = [
            await name_vector(each.mean, at, f"activation_diff: target less base, {each.place}, layer {at}")
            for each in [*kept, *places]
        ]
        none = "" if places else f"Over the {_count(found)} texts read from their beginning there is no difference. "
        parts = [
            aside(f"{none}Mean difference of activations at layer {at}, target less base, over {what}."),
            how_to_read("activation_diff", chance=_count(found) ** -0.5),
            await _table([*kept, *places], notes, at),
            _cosines([*kept, *places], notes),
            await _steered(notes[0], scales, prompts or neutral_prompts(STEERED_PROMPTS)) if scales else "",
        ]
        return show("activation_diff", bounded(parts), [note.tensor for note in notes])

    return execute


async def differences(texts: Sequence[str], chat: bool, layer: Layer) -> tuple[list[Difference], int]:
    """The mean difference at each place, and the layer's index.

    Args:
        texts: what is read.
        chat: as a user's messages, compared at the last five tokens before the reply; else as raw text, compared at
            tokens 1 to 5.
        layer: which block's output.
    """
    read = [chat_text(text) if chat else plain_text(text[:READ_CHARACTERS]) for text in texts]
    target, base = await together([partial(Look(of_base).capture, read, [layer]) for of_base in (False, True)])
    places = range(-POSITIONS, 0) if chat else range(1, POSITIONS + 1)
    found = [_difference(target, base, place) for place in places]
    kept = [each for each in found if each is not None]
    if not kept:
        raise ToolError("These texts are too short, or target and base read different tokens; give longer texts.")
    return kept, target[0].layers[0]


def _difference(target: Sequence[Captured], base: Sequence[Captured], place: int) -> Difference | None:
    pairs = []
    for ours, theirs in zip(target, base, strict=True):
        least = place + 1 if place > 0 else 1 - place  # position 0 never counts
        if min(len(ours.tokens), len(theirs.tokens)) >= least and ours.tokens[place] == theirs.tokens[place]:
            pairs.append((ours.hidden[0, place], theirs.hidden[0, place]))
    if not pairs:
        return None
    each = np.stack([ours - theirs for ours, theirs in pairs])
    mean = each.mean(axis=0)
    lengths = float(np.linalg.norm(each, axis=1).mean())
    size = float(np.linalg.norm(mean))
    return Difference(
        place=f"token {place}",
        texts=len(pairs),
        mean=mean.astype(np.float32),
        size=size,
        steady=size / lengths if lengths else 0.0,
        residual=float(np.linalg.norm(np.stack([theirs for _, theirs in pairs]), axis=1).mean()),
    )


def _together(found: Sequence[Difference], place: str) -> Difference:
    """The mean over all places."""
    mean = np.mean([each.mean for each in found], axis=0).astype(np.float32)
    size = float(np.linalg.norm(mean))
    sizes = float(np.mean([each.size / each.steady if each.steady else 0.0 for each in found]))
    residual = float(np.mean([each.residual for each in found]))
    return Difference(place, _count(found), mean, size, size / sizes if sizes else 0.0, residual)


def _count(found: Sequence[Difference]) -> int:
    """How many texts were read."""
    return max(each.texts for each in found)


async def _table(found: Sequence[Difference], notes: Sequence[VectorNote], layer: int) -> str:
    vectors = np.stack([each.mean for each in found])
    loud = await _loud(vectors.shape[1], layer)
    ranked = await Look().lens(np.concatenate([vectors, -vectors]), layer, LENS_TOKENS + LOUD_TOP)
    lens = [{token: value for token, value in row.items() if token not in loud} for row in ranked]
    rows = [
        [
            note.id,
            aside(each.place),
            f"{each.size:.2f}",
            f"{each.share:.1%}",
            f"{each.steady:.2f}",
            tokens_cell(lens[row], LENS_TOKENS),
            tokens_cell(lens[len(found) + row], LENS_TOKENS),
        ]
        for row, (each, note) in enumerate(zip(found, notes, strict=True))
    ]
    header = ("vector", "place", "length", "of activation", "steady", "speaks for", "its opposite speaks for")
    return table(header, rows)


async def _loud(width: int, layer: int) -> set[str]:
    """Tokens that many random directions speak for: what the lens says of them is about the head, not the target."""
    random = np.random.default_rng(0).normal(size=(RANDOM, width)).astype(np.float32)
    counts = Counter(token for row in await Look().lens(random, layer, LOUD_TOP) for token in row)
    return {token for token, count in counts.items() if count > LOUD_SHARE * RANDOM}


def _cosines(found: Sequence[Difference], notes: Sequence[VectorNote]) -> str:
    """How alike the differences at the places are."""
    units = np.stack([each.mean / max(each.size, 1e-12) for each in found])
    cosines = units @ units.T
    names = [note.id for note in notes]
    rows = [[name, *(f"{value:.2f}" for value in row)] for name, row in zip(names, cosines, strict=True)]
    return f"{aside('Cosine between places:')}\n\n{table(('', *names), rows)}"


async def _steered(note: VectorNote, scales: Sequence[float], prompts: Sequence[str]) -> str:
    """Replies of the target with the difference added to its activations, beside plain ones."""
    pushes = [
        PLAIN,
        *(
            Push(f"{scale:+g} {note.id}", (Add(layer=note.layer, vector=note.tensor, scale=scale, relative=True),))
            for scale in scales
        ),
    ]
    try:
        replies = await pushed_replies(prompts, pushes, "activation_diff", 0.0, STEERED_TOKENS)
    except ToolError as error:  # the tables stand without it
        return aside(f"No steering: {error}")
    shown = by_prompt([start_of(prompt, 160) for prompt in prompts], pushes, replies)
    return f"{how_to_read('activation_diff_steering', vector=note.id)}\n\n{shown}"


def _checked(texts: list[str] | None, chat: bool) -> list[str]:
    if texts is None:
        return [each.prompt for each in neutral().chats] if chat else list(neutral().texts)
    if not texts or not all(text.strip() for text in texts):
        raise ToolError("Give at least one text, and no empty ones; or leave texts out for neutral ones.")
    if len(texts) > MOST_TEXTS:
        raise ToolError(f"At most {MOST_TEXTS} texts at once; you gave {len(texts)}.")
    return texts


ACTIVATION_DIFF = Affordance(
    name="activation_diff",
    summary="The mean difference of activations to the base: its size, its tokens, and replies steered on it.",
    needs=frozenset({Capability.CHAT, Capability.CAPTURE, Capability.INTERVENE, Capability.REFERENCE}),
    tools=lambda: [activation_diff()],
)
