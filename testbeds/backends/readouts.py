"""Looks inside that change nothing: activations at blocks, and what the model expects next.

Rows are padded on the right and go without a mask: a token never sees what comes after it, and without a mask attention
takes its fastest way. A pass ends at the last block that is asked for. Rows of like length go together.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cordelia.testbeds.backends.anatomy import Anatomy, output_of
from cordelia.testbeds.backends.scoring import HEADS
from cordelia.testbeds.vectors import Array

PASS_TOKENS = 8_192
"""Most tokens, padding included, in one pass."""
SMALL_PASS = 1_024
WIDEST = 1.5
"""From `SMALL_PASS` tokens on, the longest row of a pass is at most so many times the shortest."""

Ranked = tuple[NDArray[np.int64], Array]
"""Token ids [n, top], likeliest first, and their logits or log probabilities."""


@dataclass(frozen=True)
class Row:
    """One text's token ids, and the first of them that is shown."""

    ids: list[int]
    shown_from: int = 0


class _Enough(Exception):  # noqa: N818 - nothing is wrong
    """Ends a forward pass whose later blocks nobody asked for."""


def capture_rows(anatomy: Anatomy, rows: Sequence[Row], layers: Sequence[int]) -> list[Array]:
    """The output of blocks over the tokens of each row that are shown: float32 [layers, tokens, width] a row."""
    found: dict[int, Array] = {}
    for places, ids in _passes(rows, anatomy.device):
        kept = _outputs(anatomy, ids, layers)
        for number, place in enumerate(places):
            row = rows[place]
            shown = [kept[layer][number, row.shown_from : len(row.ids)] for layer in layers]
            found[place] = torch.stack(shown).float().cpu().numpy()
    return [found[place] for place in range(len(rows))]


def predict_rows(anatomy: Anatomy, rows: Sequence[Row], top: int) -> list[Ranked]:
    """The `top` likeliest next tokens after each token that is shown, with natural log probabilities."""
    found: dict[int, Ranked] = {}
    for places, ids in _passes(rows, anatomy.device):
        with torch.inference_mode():
            hidden = anatomy.decoder(input_ids=ids, use_cache=False).last_hidden_state
            ends = [(number, rows[place].shown_from, len(rows[place].ids)) for number, place in enumerate(places)]
            shown = torch.cat([hidden[number, start:end] for number, start, end in ends])
            ranked = _ranked(anatomy, shown, top, as_probabilities=True)
        cuts = np.cumsum([end - start for _, start, end in ends])[:-1]
        for place, tokens, values in zip(places, np.split(ranked[0], cuts), np.split(ranked[1], cuts), strict=True):
            found[place] = tokens, values
    return [found[place] for place in range(len(rows))]


def lens_rows(anatomy: Anatomy, vectors: Array, top: int) -> Ranked:
    """The tokens that directions [n, width] of the residual stream speak for: final norm, then head; logits."""
    with torch.inference_mode():
        hidden = anatomy.norm(torch.from_numpy(np.array(vectors)).to(anatomy.device, anatomy.dtype))
        return _ranked(anatomy, hidden, top, as_probabilities=False)


@contextmanager
def watching(blocks: nn.ModuleList, wanted: Sequence[int], kept: dict[int, torch.Tensor]) -> Iterator[None]:
    """Keep the outputs of blocks during one forward pass, which ends at the last of them."""
    last = max(wanted)

    def keep(block: int, module: nn.Module, arguments: object, result: Any) -> None:
        kept[block] = output_of(result)
        if block == last:
            raise _Enough

    handles = [blocks[block].register_forward_hook(partial(keep, block)) for block in sorted(set(wanted))]
    try:
        yield
    except _Enough:
        pass
    finally:
        for handle in handles:
            handle.remove()


def _outputs(anatomy: Anatomy, ids: torch.Tensor, layers: Sequence[int]) -> dict[int, torch.Tensor]:
    kept: dict[int, torch.Tensor] = {}
    with torch.inference_mode(), watching(anatomy.blocks, layers, kept):
        anatomy.decoder(input_ids=ids, use_cache=False)
    return kept


def _ranked(anatomy: Anatomy, hidden: torch.Tensor, top: int, *, as_probabilities: bool) -> Ranked:
    """The head's best tokens for each of [n, width], `HEADS` at a time: its output is what takes memory."""
    tokens, values = [], []
    for part in torch.split(hidden, HEADS):
        logits = anatomy.logits(part)
        best = logits.topk(min(top, logits.shape[-1]), dim=-1)
        total = logits.logsumexp(dim=-1, keepdim=True) if as_probabilities else 0.0
        tokens.append(best.indices.cpu().numpy())
        values.append((best.values - total).cpu().numpy())
    return np.concatenate(tokens), np.concatenate(values)


def _passes(rows: Sequence[Row], device: torch.device) -> Iterator[tuple[list[int], torch.Tensor]]:
    """Places of rows that go together, and their ids [rows, longest]; what is padded is never looked at."""
    for places in grouped([len(row.ids) for row in rows]):
        longest = max(len(rows[place].ids) for place in places)
        yield (
            places,
            torch.tensor([rows[place].ids + [0] * (longest - len(rows[place].ids)) for place in places], device=device),
        )


def grouped(lengths: Sequence[int]) -> list[list[int]]:
    """Which rows share a pass, by their place."""
    groups: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if groups:
            tokens = lengths[place] * (len(groups[-1]) + 1)
            wide = lengths[place] > WIDEST * lengths[groups[-1][0]]
            if tokens <= (SMALL_PASS if wide else PASS_TOKENS):
                groups[-1].append(place)
                continue
        groups.append([place])
    return groups
