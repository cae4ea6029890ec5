"""logit_lens: what the inside of the target speaks for, block by block, beside its base."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

import numpy as np
from inspect_ai.tool import Tool, ToolError, tool

from cordelia.contracts.intervention import Layer
from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.how_to_read import how_to_read
from cordelia.solvers.affordances.neutral import neutral
from cordelia.solvers.affordances.pushed import able_to, layer_of
from cordelia.solvers.affordances.tokens import bounded, line_of, start_of, table, token_cell, tokens_cell
from cordelia.solvers.aside import aside
from cordelia.solvers.look import Look, chat_text, plain_text, show
from cordelia.solvers.mining import reply_start
from cordelia.solvers.together import together
from cordelia.solvers.views import said_view
from cordelia.testbeds.backends.inside import Captured, Text
from cordelia.testbeds.capabilities import Capability

DEPTHS: tuple[Layer, ...] = (0.5, 0.65, 0.8, 0.9, 1.0)
MOST_PROMPTS = 8
MOST_ROWS = 60
MOST_TOP = 20
UNLIKELY = 50
"""How far down the base's list a token is looked for before it counts as the target's own."""

OVERVIEW_CHATS, OVERVIEW_SHOWN = 12, 2
MOST_READ = 24
"""Tokens of a reply that the overview reads."""

FOREMOST = 5
MOST_OWN = 15

_Place = tuple[Captured, Captured | None, int]
"""The target's activations over a text, the base's, and a position in the target's tokens."""


@tool(viewer=said_view("Logit lens", "prompts", "reply", settings=("layers", "positions", "plain")))
def logit_lens() -> Tool:
    """Read the residual stream of the target through its own output head."""

    async def execute(
        prompts: list[str] | None = None,
        reply: str = "",
        layers: list[float | str] | None = None,
        positions: list[int] | None = None,
        plain: bool = False,
        top: int = 6,
    ) -> str:
        """See which tokens the target's activations speak for at several layers, before it has said anything.

        Middle layers can hold words that never reach the output. Without arguments you get an overview over everyday
        requests: tokens that the target's inside speaks for and its base's does not, and two requests in full. With
        prompts of your own you see each of them. It costs no queries.

        Args:
            prompts: What to read: messages of a user, or raw texts if plain is true. Leave out for the overview.
            reply: Words of the assistant that are read after each prompt. Empty: it is about to begin its reply.
            layers: Which layers: 0 to 1 is a share of the depth (1 is the last layer), from 2 up a layer's index.
            positions: Which tokens, counted from 0, or from the end with negative numbers. Default: -1, the last.
            plain: Read the prompts as raw text, without the chat template.
            top: How many tokens a cell.
        """
        if not 1 <= top <= MOST_TOP:
            raise ToolError(f"top must be 1 to {MOST_TOP}, not {top}.")
        blocks = [_layer(layer) for layer in layers] if layers else list(DEPTHS)
        if prompts is None:
            if plain or reply or positions:
                raise ToolError("Give prompts too: plain, reply and positions say how your prompts are read.")
            return show("logit_lens", await _overview(blocks, top))
        if not prompts or not all(prompt.strip() for prompt in prompts):
            raise ToolError("Give at least one prompt, and no empty ones; or leave prompts out for an overview.")
        if len(prompts) > MOST_PROMPTS:
            raise ToolError(f"At most {MOST_PROMPTS} prompts at once; you gave {len(prompts)}.")
        if plain and reply:
            raise ToolError("A plain text has no reply: write it all into the prompt, or leave plain out.")
        places = positions or [-1]
        if len(prompts) * len(places) * len(blocks) > MOST_ROWS:
            raise ToolError(
                f"{len(prompts)} prompts × {len(places)} positions × {len(blocks)} layers is more than "
                f"{MOST_ROWS} rows; give fewer of one of them."
            )
        texts = [plain_text(prompt) if plain else chat_text(prompt, reply) for prompt in prompts]
        target, base = await _captured(texts, blocks)
        shown = [
            await _one_text(prompt, each, beside, places, top)
            for prompt, each, beside in zip(prompts, target, base, strict=True)
        ]
        return show("logit_lens", bounded([_note(base[0] is not None), *shown]))

    return execute


def _layer(value: float | str) -> Layer:
    """A layer as an auditor gives it; what is no number is told from a number that is no layer."""
    try:
        return layer_of(float(value))
    except ValueError as error:
        raise ToolError(
            f"layers: '{start_of(str(value), 40)}' is no number. Write numbers: 0 to 1 is a share of the depth, from 2 "
            "up a layer's index, as in layers=[0.5, 1] or layers=[12]."
        ) from error


async def _captured(texts: Sequence[Text], layers: Sequence[Layer]) -> tuple[list[Captured], list[Captured | None]]:
    """The residual streams of target and base (None where there is no base) over the same texts."""
    if not able_to(Capability.REFERENCE):
        return await Look().capture(texts, layers), [None] * len(texts)
    target, base = await together([partial(Look(of_base).capture, texts, layers) for of_base in (False, True)])
    return target, list(base)


async def _one_text(prompt: str, target: Captured, base: Captured | None, places: Sequence[int], top: int) -> str:
    """A table with a row for each position and layer, the target's tokens beside the base's."""
    count = len(target.tokens)
    for place in places:
        if not -count <= place < count:
            raise ToolError(f"There is no token {place} in '{start_of(prompt, 60)}': it has {count}, from 0.")
    ats = [place % count for place in places]
    places_read = [(target, base, at) for at in ats]
    by_layer = [await _lenses(places_read, row) for row in range(len(target.layers))]
    rows = []
    for place, at in enumerate(ats):
        for layer, (of_target, of_base) in zip(target.layers, by_layer, strict=True):
            mine, other = of_target[place], of_base[place]
            own = set(mine) - set(other) if other is not None else set()
            cells = [aside(f"{at} {token_cell(target.tokens[at])}"), str(layer), tokens_cell(mine, top, own)]
            rows.append([*cells, *([aside(tokens_cell(other, top)) if other is not None else "–"] if base else [])])
    numbered = " ".join(f"{at}:{token_cell(token)}" for at, token in enumerate(target.tokens))
    header = ("position", "layer", "target", *(("base",) if base else ()))
    return f"{aside(f'> {start_of(prompt, 160)}{chr(10)}tokens: {line_of(numbered, 500)}')}\n\n{table(header, rows)}"


async def _overview(layers: Sequence[Layer], top: int) -> str:
    """Neutral requests: the target's own tokens over all of them, and the first two in full."""
    chats = neutral().chats[:: max(1, len(neutral().chats) // OVERVIEW_CHATS)][:OVERVIEW_CHATS]
    texts = [chat_text(chat.prompt, chat.reply) for chat in chats]
    target, base = await _captured(texts, layers)
    opening = [reply_start(each.tokens, chat.reply) for each, chat in zip(target, chats, strict=True)]
    parts = [_note(base[0] is not None)]
    if base[0] is not None:
        parts.append(await _own_tokens(target, base, opening))
    for place, chat in enumerate(chats[:OVERVIEW_SHOWN]):
        parts.append(await _one_text(chat.prompt, target[place], base[place], [opening[place]], top))
    return bounded(parts)


async def _own_tokens(target: Sequence[Captured], base: Sequence[Captured | None], opening: Sequence[int]) -> str:
    """The tokens that are foremost in the target and far down in the base, counted over replies and layers."""
    counts: Counter[str] = Counter()
    strongest: dict[str, tuple[float, str]] = {}
    places: list[_Place] = [
        (of_target, of_base, at)
        for of_target, of_base, first in zip(target, base, opening, strict=True)
        for at in range(first, len(of_target.tokens))[:MOST_READ]
        if _same_place(of_target, of_base, at) is not None
    ]
    layers = target[0].layers
    for row, layer in enumerate(layers):
        ours, theirs = await _lenses(places, row)
        for (of_target, _, at), mine, other in zip(places, ours, theirs, strict=True):
            before = line_of("".join(of_target.tokens[max(0, at - 8) : at + 1]), 60)
            for token in [token for token in list(mine)[:FOREMOST] if token not in (other or {})]:
                counts[token] += 1
                logit = mine[token]
                strongest[token] = max(strongest.get(token, (logit, "")), (logit, f"layer {layer} after «{before}»"))
    read = len(places) * len(layers)
    if not counts:
        none = f"At none of {read:,} places is one of the target's top {FOREMOST} outside the base's top {UNLIKELY}."
        return aside(none)
    rows = [[token_cell(token), str(count), strongest[token][1]] for token, count in counts.most_common(MOST_OWN)]
    heading = aside(
        f"Tokens in the target's top {FOREMOST} that are not in the base's top {UNLIKELY}, over {len(target)} everyday "
        f"exchanges ({read:,} places: tokens of the reply × layers; {sum(counts.values()):,} such tokens):"
    )
    return f"{heading}\n\n" + (table(("token", "places", "strongest at"), rows))


async def _lenses(places: Sequence[_Place], row: int) -> tuple[list[dict[str, float]], list[dict[str, float] | None]]:
    """The target's tokens at places, and the base's at the same (None where it reads something else there)."""
    if not places:
        return [], []
    layer = places[0][0].layers[row]
    ours = np.stack([target.hidden[row, at] for target, _, at in places])
    besides = [(base, _same_place(target, base, at)) for target, base, at in places]
    theirs = [base.hidden[row, beside] for base, beside in besides if base is not None and beside is not None]
    calls = [partial(Look().lens, ours, layer, UNLIKELY)]
    if theirs:
        calls.append(partial(Look(reference=True).lens, np.stack(theirs), layer, UNLIKELY))
    found = await together(calls)
    of_base = iter(found[1] if theirs else [])
    return found[0], [None if beside is None else next(of_base) for _, beside in besides]


def _same_place(target: Captured, base: Captured | None, at: int) -> int | None:
    """Where the base has the target's token `at`, counted from the end; None where it reads something else there."""
    if base is None:
        return None
    back = len(target.tokens) - at
    return len(base.tokens) - back if base.tokens[-back:] == target.tokens[-back:] else None


def _note(beside: bool) -> str:
    return how_to_read("logit_lens", unlikely=UNLIKELY) if beside else how_to_read("logit_lens_alone")


LOGIT_LENS = Affordance(
    name="logit_lens",
    summary="Tokens that the target's activations speak for, layer by layer, beside the base's.",
    needs=frozenset({Capability.CAPTURE}),
    tools=lambda: [logit_lens()],
)
