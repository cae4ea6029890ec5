"""One compiler from interventions to functions of activations, for every backend that holds weights.

    functions = compile_interventions(loaded, blocks=30, width=576)      # {block: BlockFunction}
    hidden = functions[7](Tokens.span(start, count, prompt), hidden)     # at the output of block 7, each time
    check_applied(loaded, applied(functions.values()), prompt, read)     # when the reply is written

Backends differ in how they reach a block's output; what is done there, to which tokens, and how it is counted, is here.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.intervention import Clamp, Intervention, Layer, Noise
from cordelia.testbeds.backends.base import Loaded, TargetError
from cordelia.testbeds.vectors import Array

if TYPE_CHECKING:
    from cordelia.testbeds.backends.block_function import BlockFunction, Step


def resolve_layer(layer: Layer, blocks: int) -> int:
    """The index of a block, from an index or a depth. Raises CordeliaError for one that the model does not have."""
    index = round(layer * (blocks - 1)) if isinstance(layer, float) and 0 <= layer <= 1 else layer
    if isinstance(index, float) or not 0 <= index < blocks:
        raise CordeliaError(
            f"There is no layer {layer}: the model has layers 0 to {blocks - 1}. Give one of those as a whole number, "
            "or a depth from 0.0 (the first) to 1.0 (the last)."
        )
    return index


def compile_interventions(loaded: Sequence[Loaded], blocks: int, width: int) -> "dict[int, BlockFunction]":
    """The function of each block that is intervened on. Functions count, so each reply needs its own.

    Args:
        loaded: interventions with their tensors, in the order in which they are applied.
        blocks: how many blocks the model has.
        width: of its residual stream.

    Raises:
        CordeliaError: a layer that the model does not have; a tensor that is missing, of another width, without
            direction where one is needed, or not with as many rows as positions.
    """
    from cordelia.testbeds.backends.block_function import BlockFunction

    steps: dict[int, list[Step]] = defaultdict(list)
    for number, each in enumerate(loaded):
        block = resolve_layer(each.what.layer, blocks)
        steps[block].append(_step(number, block, each, width))
    return {block: BlockFunction(block, steps[block]) for block in sorted(steps)}


def applied(functions: "Iterable[BlockFunction]") -> dict[int, int]:
    """How many tokens each intervention was applied to, by its place in the request."""
    found: Counter[int] = Counter()
    for function in functions:
        found.update(function.counts)
    return dict(found)


def expected_applications(loaded: Sequence[Loaded], prompt: int, read: int) -> list[int]:
    """How many tokens each intervention should be applied to.

    Args:
        loaded: the interventions of one row.
        prompt: how many tokens its prompt has.
        read: how many tokens the model read: the prompt and, of the reply, all but the last one written.
    """
    by_name = {"all": max(read - 1, 0), "prompt": max(prompt - 1, 0), "reply": max(read - prompt, 0)}
    return [
        by_name[where] if isinstance(where, str) else sum(position < read for position in where)
        for where in (each.what.positions for each in loaded)
    ]


def check_positions(loaded: Sequence[Loaded], read: int) -> None:
    """Refuse lists that name positions beyond the tokens that are (or at most can be) read.

    The message does not say how many those are: a hidden prompt is among them. Raises CordeliaError.
    """
    for number, each in enumerate(loaded):
        where = each.what.positions
        if not isinstance(where, str) and max(where) >= read:
            raise CordeliaError(
                f"{_name(number, each.what)} names position {max(where)}, and the text that was read ends before it. "
                "Name earlier positions, or write 'prompt', 'reply' or 'all'."
            )


def check_applied(loaded: Sequence[Loaded], found: dict[int, int], prompt: int, read: int) -> None:
    """Refuse a reply whose interventions were not applied to exactly the tokens that they name.

    Args:
        loaded: the interventions of one row.
        found: how often each was applied, by its place.
        prompt, read: see `expected_applications`.

    Raises:
        CordeliaError: a list names a position past the end of what was read.
        TargetError: an intervention was applied more or less often than it should have been.
    """
    check_positions(loaded, read)
    for number, wanted in enumerate(expected_applications(loaded, prompt, read)):
        if found.get(number, 0) != wanted:
            raise TargetError(
                f"{_name(number, loaded[number].what)} was applied to {found.get(number, 0)} tokens and not to "
                f"{wanted}, so the reply is not one under the interventions that were asked for"
            )


def _step(number: int, block: int, loaded: Loaded, width: int) -> "Step":
    import torch

    from cordelia.testbeds.backends.block_function import Step

    what = loaded.what
    listed = None if isinstance(what.positions, str) else sorted(what.positions)
    if listed is not None and len(set(listed)) < len(listed):
        raise CordeliaError(f"{_name(number, what)} names a position twice.")
    step = Step(
        number=number,
        kind=what.kind,
        where="listed" if listed is not None else str(what.positions),
        amount=what.value if isinstance(what, Clamp) else getattr(what, "scale", 1.0),
        relative=getattr(what, "relative", False),
        listed=None if listed is None else torch.tensor(listed),
    )
    if isinstance(what, Noise):
        step.key = what.seed % 2**63, block
    else:
        step.vector = torch.from_numpy(_vector(number, what, loaded.vector, width))
    return step


def _vector(number: int, what: Intervention, vector: Array | None, width: int) -> Array:
    """The tensor as its step needs it; rows in the order of ascending positions."""
    name = _name(number, what)
    if vector is None:
        raise CordeliaError(f"{name} came without its tensor.")
    by_rows = what.kind == "patch" and vector.ndim == 2
    if vector.shape[-1:] != (width,) or vector.ndim != 1 + by_rows:
        raise CordeliaError(f"{name} has a tensor of shape {vector.shape}; the model's residual has {width} numbers.")
    if by_rows:
        if isinstance(what.positions, str) or len(what.positions) != len(vector):
            raise CordeliaError(
                f"{name} has a tensor of {len(vector)} rows: give as many positions, as a list, or a vector."
            )
        return np.array(vector[np.argsort(what.positions)], dtype=np.float32)
    values = np.array(vector, dtype=np.float32)  # a copy: the store's arrays cannot be written to
    if what.kind in ("project", "clamp") or getattr(what, "relative", False):
        length = float(np.linalg.norm(values.astype(np.float64)))
        if not length:
            raise CordeliaError(f"{name} has a vector of zeros, which has no direction.")
        values = (values / length).astype(np.float32)
    return values


def _name(number: int, what: Intervention) -> str:
    return f"Intervention {number + 1} ({what.kind} at layer {what.layer})"
