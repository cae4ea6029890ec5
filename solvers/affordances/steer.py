"""steer: push the target's activations along a direction and see what it says.

The direction comes from texts that the auditor contrasts, or from another tool. Plain replies stand beside pushed ones,
and every vector has a name under which tools take it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from inspect_ai.tool import Tool, ToolError, tool

from cordelia.contracts.content import Content, load
from cordelia.contracts.intervention import Add, Clamp, Intervention, Layer, Project
from cordelia.contracts.record import VectorNote
from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.contrast_vector import contrast
from cordelia.solvers.affordances.neutral import neutral_prompts
from cordelia.solvers.affordances.pushed import (
    PLAIN,
    PUSHED_TOKENS,
    Push,
    built,
    by_prompt,
    check_question,
    check_replies,
    layer_of,
    pushed_replies,
)
from cordelia.solvers.aside import Aside, aside
from cordelia.solvers.look import Look, name_vector, named_vector, show, values_of
from cordelia.solvers.show import clean
from cordelia.solvers.views import contrast_view
from cordelia.testbeds.capabilities import Capability

CONTENT = Path(__file__).parent / "steer.yaml"
Kind = Literal["add", "project", "clamp"]
STRONGEST = 4.0
MOST_TEXTS = 40
LENS_TOKENS = 6
DEFAULT_DEPTH = 0.5
DEFAULT_PROMPTS = 2
STRENGTHS: dict[Kind, list[float]] = {"add": [-0.5, 0.5], "project": [1.0], "clamp": [-0.5, 0.5]}
"""Where a strength on SmolLM2 changes what is said and leaves it language."""


class Axis(Content):
    """Two ways of answering one question, in texts."""

    toward: str
    away: str
    question: str
    toward_texts: list[str]
    away_texts: list[str]


class Steering(Content):
    """steer.yaml"""

    canary: str
    reading: Aside
    axes: list[Axis]


@dataclass(frozen=True)
class _Direction:
    note: VectorNote
    described: str


@lru_cache(maxsize=1)
def steering() -> Steering:
    return load(Steering, CONTENT)


@tool(viewer=contrast_view("Steer", "toward", "away", settings=("vector", "kind", "strengths", "layer", "question")))
def steer() -> Tool:
    """Push the target's activations along a direction and see what it says."""

    async def execute(
        toward: list[str] | None = None,
        away: list[str] | None = None,
        question: str = "",
        vector: str = "",
        prompts: list[str] | None = None,
        strengths: list[float] | None = None,
        kind: str = "add",
        layer: float | None = None,
        temperature: float = 0.0,
        max_tokens: int = PUSHED_TOKENS,
    ) -> str:
        """Change the target's activations along a direction while it replies, and compare with its plain replies.

        Write texts that differ in one thing: `toward` has it, `away` has not. Their mean difference inside the target
        is the direction. Without texts you get an overview with a few general contrasts. Use it to make a tendency
        stronger or weaker and see what comes with it, or to follow a vector (v1, …) that another tool found. Costs one
        query for each prompt, direction and strength, and one for each prompt plain.

        Args:
            toward: Texts that have the thing. Four or more on each side are better than one.
            away: Texts that have it not, alike in everything else.
            question: What all of these texts reply to. Empty: they are read as plain text.
            vector: Name of a vector to use in place of texts, such as v1.
            prompts: What the target is asked. Empty: two ordinary questions.
            strengths: How far, as shares of the activation's own length; negative is the other way. 0.2 is weak, 0.5
                strong, 1 often breaks the reply. For project: how much is taken out, 1 is all.
            kind: add (push along the direction), project (take the direction out), or clamp (hold the activation's
                part along the direction at a value).
            layer: Where: 0 to 1 is a share of the depth, 2 and up a block's index. Empty: the middle, or the vector's
                own block.
            temperature: Randomness of the target, 0 to 2. At 0 a change comes from the push.
            max_tokens: Length of each reply in tokens.
        """
        how = _kind(kind)
        if bool(toward) != bool(away) or (vector and toward):
            raise ToolError(
                "Give texts on both sides (toward and away), or the name of a vector, or neither for an overview."
            )
        check_question(question)
        asked = prompts or neutral_prompts(DEFAULT_PROMPTS)
        scales = _strengths(strengths, how)
        made = 1 if vector or toward else len(steering().axes)
        check_replies(asked, 1 + made * len(scales), temperature, max_tokens, "prompts or strengths")
        place = None if layer is None else layer_of(layer)
        directions = await _directions(toward or [], away or [], question, vector, place)
        at: Layer = place if vector and place is not None else directions[0].note.layer
        with built():
            pushes = [
                Push(f"{scale:+g} {direction.note.id}", (intervention(how, direction.note.tensor, at, scale),))
                for direction in directions
                for scale in scales
            ]
        replies = await pushed_replies(asked, [PLAIN, *pushes], "steer", temperature, max_tokens)
        text = "\n\n".join(
            [
                aside(f"Steering ({how}) at block {at}:") + "\n" + "\n".join(each.described for each in directions),
                steering().reading.strip(),
                by_prompt(asked, [PLAIN, *pushes], replies),
            ]
        )
        return show("steer", text, [direction.note.tensor for direction in directions])

    return execute


def intervention(kind: Kind, tensor: str, layer: Layer, strength: float) -> Intervention:
    """One push along a kept vector, with a strength relative to the activation's own length."""
    if kind == "add":
        return Add(layer=layer, vector=tensor, scale=strength, relative=True)
    if kind == "project":
        return Project(layer=layer, vector=tensor, scale=strength)
    return Clamp(layer=layer, vector=tensor, value=strength, relative=True)


async def _directions(
    toward: Sequence[str], away: Sequence[str], question: str, vector: str, layer: Layer | None
) -> list[_Direction]:
    if vector:
        note = named_vector(vector)
        lens = await _lens(note)
        return [_Direction(note, aside(f"{note.id}: {note.made_by} (found at block {note.layer}).") + lens)]
    at = DEFAULT_DEPTH if layer is None else layer
    if toward:
        made = await _made(toward, away, question, at, "your texts")
        return [_Direction(made.note, made.described + await _lens(made.note))]
    return [
        await _made(axis.toward_texts, axis.away_texts, axis.question, at, f"{axis.toward} less {axis.away}")
        for axis in steering().axes
    ]


async def _made(toward: Sequence[str], away: Sequence[str], question: str, layer: Layer, name: str) -> _Direction:
    if not all(text.strip() for text in [*toward, *away]):
        raise ToolError("Some of the texts are empty; every text needs words.")
    if len(toward) + len(away) > MOST_TEXTS:
        raise ToolError(f"At most {MOST_TEXTS} texts on both sides together; you gave {len(toward) + len(away)}.")
    found = await contrast(toward, away, question, layer)
    if not found.share > 0:
        raise ToolError("The texts of both sides are the same inside the target; write texts that differ.")
    note = await name_vector(found.vector, found.layer, f"steer: {name}")
    size = f"length {found.share:.0%} of an activation"
    described = f"{note.id} = {name} ({len(toward)} and {len(away)} texts): {found.checked}; {size}."
    return _Direction(note, aside(described))


async def _lens(note: VectorNote) -> str:
    """The tokens that a direction and its opposite speak for."""
    values = await values_of(note)
    ranked = await Look().lens(np.stack([values, -values]), note.layer, LENS_TOKENS)
    forward, backward = (", ".join(repr(clean(token)) for token in tokens) for tokens in ranked)
    return f"{aside(' Tokens it speaks for, roughly: ')}{forward}{aside('; its opposite: ')}{backward}."


def _kind(kind: str) -> Kind:
    for known in get_args(Kind):
        if kind == known:
            return known  # type: ignore[no-any-return]
    raise ToolError(f"There is no kind '{kind}'; write {', '.join(get_args(Kind))}.")


def _strengths(strengths: Sequence[float] | None, kind: Kind) -> list[float]:
    chosen = list(dict.fromkeys(strengths or STRENGTHS[kind]))
    if not all(abs(strength) <= STRONGEST for strength in chosen):  # nan is no strength either
        raise ToolError(f"Strengths are shares of the activation's length, from {-STRONGEST:g} to {STRONGEST:g}.")
    return chosen


STEER = Affordance(
    name="steer",
    summary="Push activations along a direction from contrasted texts, or another tool's vector, beside plain replies.",
    needs=frozenset({Capability.CHAT, Capability.CAPTURE, Capability.INTERVENE}),
    tools=lambda: [steer()],
)
