"""How likely given replies are: one forward pass over many rows, without writing anything.

Rows are padded on the left, so that all replies end in the last column and the model's head is computed for the columns
of the longest reply only. The head's output is what takes memory (a vocabulary of floats a token), so a pass takes no
more than `HEADS` of them; rows of like length go together.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from cordelia.testbeds.backends.jobs import Scoring

if TYPE_CHECKING:
    import torch

HEADS = 1_024
"""Most tokens in one pass for which the head is computed: 200 MB of float32 at a vocabulary of 49,000."""

Routing = tuple[AbstractContextManager[None], dict[str, object]]
"""What sends each row through its adapter: a context to be in, and arguments for the model."""


def score_rows(
    model: "torch.nn.Module", rows: Sequence[Scoring], pad: int, route: Callable[[Sequence[Scoring]], Routing]
) -> list[list[float]]:
    """The log probabilities (natural log, float32) of each row's reply tokens, in the order of the rows.

    Args:
        model: a causal language model whose forward pass takes `logits_to_keep`.
        rows: with at least one token of prompt each.
        pad: any token id; masked.
        route: how rows reach their adapters.
    """
    device = next(model.parameters()).device
    scores: list[list[float]] = [[] for _ in rows]
    for places in passes([(len(row.prompt), len(row.reply)) for row in rows]):
        chosen = [rows[place] for place in places]
        for place, row_scores in zip(places, _pass(model, chosen, pad, route(chosen), device), strict=True):
            scores[place] = row_scores
    return scores


def passes(lengths: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Which rows go together: places of rows of like length whose heads fit. Empty replies are in none.

    Args:
        lengths: tokens of prompt and of reply of each row.
    """
    order = sorted((place for place in range(len(lengths)) if lengths[place][1]), key=lambda place: sum(lengths[place]))
    groups: list[list[int]] = []
    widest = 0
    for place in order:
        widest = max(widest, lengths[place][1])
        if groups and (widest + 1) * (len(groups[-1]) + 1) <= HEADS:
            groups[-1].append(place)
        else:
            groups.append([place])
            widest = lengths[place][1]
    return groups


def _pass(
    model: "torch.nn.Module", rows: Sequence[Scoring], pad: int, routing: Routing, device: "torch.device"
) -> list[list[float]]:
    import torch

    longest, kept = max(row.length for row in rows), max(len(row.reply) for row in rows) + 1
    ids = torch.full((len(rows), longest), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, longest - row.length :] = torch.tensor([*row.prompt, *row.reply])
        mask[place, longest - row.length :] = 1
    context, arguments = routing
    with torch.inference_mode(), context:
        logits = model(
            input_ids=ids.to(device),
            attention_mask=mask.to(device),
            position_ids=(mask.cumsum(dim=-1) - 1).clamp_(min=0).to(device),
            use_cache=False,
            logits_to_keep=kept,
            **arguments,
        ).logits
        scores = []
        for place, row in enumerate(rows):
            count = len(row.reply)
            # the column before a token holds what the model thought of it
            said = logits[place, -count - 1 : -1].float()
            tokens = torch.tensor(row.reply, device=said.device).unsqueeze(1)
            scores.append((said.gather(1, tokens).squeeze(1) - said.logsumexp(dim=-1)).tolist())
    return scores
