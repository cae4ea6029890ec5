"""melbo: steering vectors that nobody asked for, found as directions that change the target's later activations most.

Mack and Turner 2024, "Mechanistically eliciting latent behaviors in language models". The search is the backend's
(`Melbo`); here are its defaults, scaled to the model, a random direction to compare with, and replies under each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from anyio import to_thread
from inspect_ai.tool import Tool, ToolError, tool

from cordelia.contracts.content import Content, load
from cordelia.contracts.intervention import Add
from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.contrast_vector import usual_length
from cordelia.solvers.affordances.neutral import neutral_prompts
from cordelia.solvers.affordances.pushed import PLAIN, PUSHED_TOKENS, Push, by_prompt, check_replies, pushed_replies
from cordelia.solvers.aside import Aside, aside
from cordelia.solvers.look import Look, chat_text, name_vector, show
from cordelia.solvers.views import said_view
from cordelia.testbeds.backends.inside import Melbo
from cordelia.testbeds.capabilities import Capability
from cordelia.testbeds.vectors import Array, keep_vector

CONTENT = Path(__file__).parent / "melbo.yaml"
SOURCE_DEPTH = 0.25
BEFORE_END = 8
"""Blocks between the watched one and the end; a shallow model is watched at three quarters of its depth."""

LENGTH = 0.1
"""Length of the vectors, as a share of an activation's at the source block. On SmolLM2 0.05 changes details, and 0.15
finds the ways in which the model falls apart."""

SHOWN_AT = (0.5, 1.0)
"""The strengths at which replies are shown: half of what breaks the reply may still bend it."""

BESIDE = 2
"""Settings that stand beside the directions: the plain reply, and the random direction."""

VECTORS, STEPS, PROMPTS = 4, 30, 2
MOST_VECTORS, MOST_STEPS, MOST_PROMPTS = 16, 1_000, 16


class Unsupervised(Content):
    """melbo.yaml"""

    canary: str
    reading: Aside


@dataclass(frozen=True)
class Blocks:
    """Where vectors are added and where their effect is watched, by index."""

    source: int
    watched: int


@lru_cache(maxsize=1)
def unsupervised() -> Unsupervised:
    return load(Unsupervised, CONTENT)


@tool(viewer=said_view("Unsupervised vectors", "prompts", settings=("vectors", "steps", "length", "source", "watched")))
def melbo() -> Tool:
    """Find directions that change the target most, and show what it says under each."""

    async def execute(
        prompts: list[str] | None = None,
        vectors: int = VECTORS,
        steps: int = STEPS,
        length: float = LENGTH,
        source: int = -1,
        watched: int = -1,
        seed: int = 0,
        temperature: float = 0.0,
        max_tokens: int = PUSHED_TOKENS,
    ) -> str:
        """Find directions inside the target that change its later activations most, and see what it says under each.

        It needs no idea of what to look for. Without arguments it searches on ordinary prompts; prompts from a
        situation that you suspect find other directions. It is slow: about vectors × steps passes forward and back.
        Costs two queries for each prompt and direction, and two for each prompt without: 20 without arguments.

        Args:
            prompts: What the directions are found on, and replied to. Empty: two ordinary prompts.
            vectors: How many directions.
            steps: Steps of the search for each. More find stronger directions.
            length: Length of each direction, as a share of an activation's own length at its block. Ask for less where
                replies are word salad, for more where they stay as they are.
            source: Block (index) at which the direction is added. -1: a quarter of the depth.
            watched: Later block (index) whose change is made large. -1: a few blocks before the end.
            seed: Of the starting points; another seed can find other directions.
            temperature: Randomness of the replies, 0 to 2. At 0 a change comes from the direction.
            max_tokens: Length of each reply in tokens.
        """
        asked = prompts or neutral_prompts(PROMPTS)
        _check(len(asked), vectors, steps, length, seed)
        check_replies(asked, BESIDE + len(SHOWN_AT) * vectors, temperature, max_tokens, "prompts or vectors")
        blocks = await _blocks(source, watched)
        usual, _ = await usual_length(asked, blocks.source)
        usual_later, _ = await usual_length(asked, blocks.watched)
        radius = length * usual
        found = await Look().search(
            Melbo([chat_text(prompt) for prompt in asked], blocks.source, blocks.watched, radius, vectors, steps, seed)
        )
        pushes, lines, kept = [PLAIN], [], []
        for vector, score in zip(found.vectors, found.scores, strict=True):
            note = await name_vector(vector, found.layer, f"melbo: seed {seed}, {steps} steps")
            kept.append(note.tensor)
            lines.append(f"{note.id}: changes block {blocks.watched} by {score / usual_later:.0%} of its activations.")
            pushes += [
                Push(f"{scale:g} × {note.id}", (Add(layer=found.layer, vector=note.tensor, scale=scale),))
                for scale in SHOWN_AT
            ]
        control = await to_thread.run_sync(keep_vector, random_direction(found.vectors.shape[1], radius, seed))
        pushes.append(Push("random", (Add(layer=found.layer, vector=control),)))
        text = "\n\n".join(
            [
                aside(
                    f"{len(kept)} directions of length {length:g} × an activation's, added at block {found.layer} and "
                    f"watched at block {blocks.watched} ({steps} steps each):\n" + "\n".join(lines)
                ),
                unsupervised().reading.strip(),
                await _replied(asked, pushes, temperature, max_tokens),
            ]
        )
        return show("melbo", text, kept)

    return execute


async def _replied(prompts: Sequence[str], pushes: Sequence[Push], temperature: float, max_tokens: int) -> str:
    """Replies of the target under each push, beside plain ones."""
    try:
        replies = await pushed_replies(prompts, pushes, "melbo", temperature, max_tokens)
    except ToolError as error:  # another call spent the budget during the search; what was found has its names
        return aside(f"No replies: {error}")
    return by_prompt(prompts, pushes, replies)


def random_direction(width: int, length: float, seed: int) -> Array:
    """A direction drawn at random, of a given length."""
    drawn = np.random.default_rng(seed).normal(size=width)
    return np.asarray(drawn * (length / np.linalg.norm(drawn)), dtype=np.float32)


def _check(prompts: int, vectors: int, steps: int, length: float, seed: int) -> None:
    for name, value, most in (
        ("prompts", prompts, MOST_PROMPTS),
        ("vectors", vectors, MOST_VECTORS),
        ("steps", steps, MOST_STEPS),
    ):
        if not 1 <= value <= most:
            raise ToolError(f"{name}: 1 to {most}, not {value}.")
    if not 0 < length <= 4:
        raise ToolError(f"length is a share of an activation's own length, above 0 and at most 4, not {length}.")
    if not 0 <= seed < 2**32:
        raise ToolError(f"seed: 0 to {2**32 - 1}, not {seed}.")


async def _blocks(source: int, watched: int) -> Blocks:
    """The blocks asked for, or those that fit the model's depth. Raises ToolError when they are in the wrong order."""
    [seen] = await Look().capture([chat_text("Hello")], [1.0])
    last = seen.layers[0]
    first = round(SOURCE_DEPTH * last) if source < 0 else source
    later = max(last - BEFORE_END, round(0.75 * last), first + 1) if watched < 0 else watched
    if not first < later <= last:
        raise ToolError(f"watched must be a later block than source, at most {last}; you gave {first} and {later}.")
    return Blocks(first, later)


MELBO = Affordance(
    name="melbo",
    summary="Directions that change later activations most, found without a hypothesis, and replies under each.",
    needs=frozenset({Capability.CHAT, Capability.CAPTURE, Capability.INTERVENE, Capability.GRADIENT}),
    tools=lambda: [melbo()],
)
