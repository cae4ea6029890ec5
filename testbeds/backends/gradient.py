"""Searches by gradient: directions that change later blocks the most, and perturbations under which a reply is said.

Both run the blocks behind the perturbed one again and again over the same texts. The first pass keeps what each block
is called with (masks, rotary embeddings), so a step costs only the blocks between. Weights stay as they are.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.backends.anatomy import Anatomy, output_of
from cordelia.testbeds.backends.compiler import resolve_layer
from cordelia.testbeds.backends.inside import Attack, Melbo, Searched
from cordelia.testbeds.backends.readouts import watching
from cordelia.testbeds.backends.rendering import Encoded

MOST_TOKENS = 8_192
"""Most tokens of all texts together: the activations of every block between are held for the gradient."""
BALLS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)
"""The sizes of the ball that an attack tries, smallest first, as shares of its epsilon."""
HALVINGS = 2
"""How often the gap between the last size that was too small and the first that was not is halved."""
SAID = math.log(0.5)
"""The mean log probability a token from which a reply counts as said."""


class Replay:
    """The blocks behind block `first`, up to block `last`, over fixed texts: called with activations at `first`.

    Attributes:
        start: the activations at block `first` as they are, [rows, tokens, width].
    """

    def __init__(self, anatomy: Anatomy, ids: torch.Tensor, first: int, last: int) -> None:
        self._blocks = [anatomy.blocks[block] for block in range(first + 1, last + 1)]
        self._calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        kept: dict[int, torch.Tensor] = {}
        handles = [block.register_forward_pre_hook(self._keep, with_kwargs=True) for block in self._blocks]
        try:
            with torch.no_grad(), watching(anatomy.blocks, [first, last], kept):
                anatomy.decoder(input_ids=ids, use_cache=False)
        finally:
            for handle in handles:
                handle.remove()
        self.start = kept[first]

    def __call__(self, hidden: torch.Tensor) -> torch.Tensor:
        for block, (arguments, named) in zip(self._blocks, self._calls, strict=True):
            hidden = output_of(block(hidden, *arguments, **named))
        return hidden

    def _keep(self, module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._calls.append((arguments[1:], {name: value for name, value in named.items() if name != "hidden_states"}))


def melbo(anatomy: Anatomy, texts: Sequence[Encoded], task: Melbo) -> Searched:
    """See Melbo. The bias is added to every token but the first, and the change is the mean over those tokens.

    Each step goes along the gradient on the sphere of the given radius, by a share of the radius that shrinks to
    nothing; the best vector on the way is kept.

    Raises:
        CordeliaError: blocks in the wrong order, more vectors than the width, nothing to search on, or too many tokens.
    """
    count = len(anatomy.blocks)
    source, watched = resolve_layer(task.source, count), resolve_layer(task.watched, count)
    if source >= watched:
        raise CordeliaError(f"The source (layer {source}) must come before the watched layer ({watched}).")
    if not 1 <= task.count <= anatomy.width or task.steps < 1 or not task.radius > 0:
        raise CordeliaError(f"count must be 1 to {anatomy.width}, steps at least 1 and radius more than 0.")
    ids = _padded([text.ids for text in texts], anatomy.device)
    lengths = torch.tensor([len(text.ids) for text in texts], device=anatomy.device).unsqueeze(1)
    places = torch.arange(ids.shape[1], device=anatomy.device)
    counted = (places > 0) & (places < lengths)
    if not counted.any():
        raise CordeliaError("The texts have one token each; give texts of two tokens or more.")
    _freeze(anatomy)
    replay = Replay(anatomy, ids, source, watched)
    with torch.no_grad():
        end = replay(replay.start).float()

    def change(theta: torch.Tensor) -> torch.Tensor:
        moved = replay(replay.start + counted.unsqueeze(-1) * theta.to(replay.start.dtype))
        changes: torch.Tensor = torch.linalg.vector_norm((moved.float() - end)[counted], dim=-1)
        return changes.mean()

    generator = torch.Generator().manual_seed(task.seed % 2**63)
    found: list[torch.Tensor] = []
    scores: list[float] = []
    for _ in range(task.count):
        theta = torch.randn(anatomy.width, generator=generator).to(anatomy.device)
        best, score = _ascend(change, theta, found, task.radius, task.steps)
        found.append(best)
        scores.append(score)
    return Searched(torch.stack(found).cpu().numpy(), source, scores)


def attack(anatomy: Anatomy, text: Encoded, task: Attack) -> Searched:
    """See Attack. Balls of growing size are tried, each from where the last one ended, until the reply is said.

    It is said at a mean log probability of `SAID` a token. Only tokens that may be shown are perturbed, and the vectors
    are theirs; the first token of the text never is.

    Raises:
        CordeliaError: there is no reply, no token of the prompt that could be perturbed, or too many tokens.
    """
    layer = resolve_layer(task.layer, len(anatomy.blocks))
    first = max(text.shown_from, 1)
    if text.reply_from >= len(text.ids):
        raise CordeliaError("Give the reply that the target is to be brought to say; it is empty.")
    if first >= text.reply_from:
        raise CordeliaError("The prompt has no token that could be perturbed; give a longer one.")
    if task.steps < 1 or not task.epsilon > 0:
        raise CordeliaError("steps must be at least 1 and epsilon more than 0.")
    ids = _padded([text.ids], anatomy.device)
    _freeze(anatomy)
    replay = Replay(anatomy, ids, layer, len(anatomy.blocks) - 1)
    wanted = ids[0, text.reply_from :].unsqueeze(1)

    def likely(delta: torch.Tensor) -> torch.Tensor:
        """The mean log probability of the reply's tokens."""
        start = replay.start.clone()
        start[0, first : text.reply_from] += delta.to(start.dtype)
        ends = replay(start)[0, text.reply_from - 1 : -1]
        logits = anatomy.logits(anatomy.norm(ends))
        return logits.log_softmax(dim=-1).gather(1, wanted).mean()

    delta = torch.zeros(text.reply_from - first, anatomy.width, device=anatomy.device)
    with torch.no_grad():
        before = float(likely(delta))
    best, score = _smallest(likely, delta, before, task.epsilon, task.steps)
    vectors = np.zeros((text.reply_from - text.shown_from, anatomy.width), dtype=np.float32)
    vectors[first - text.shown_from :] = best.cpu().numpy()
    return Searched(vectors, layer, [before, score])


def _ascend(
    change: Callable[[torch.Tensor], torch.Tensor],
    theta: torch.Tensor,
    found: Sequence[torch.Tensor],
    radius: float,
    steps: int,
) -> tuple[torch.Tensor, float]:
    """The best vector on a way of `steps` steps over the sphere, orthogonal to those found before."""
    theta = _unit(_apart(theta, found)) * radius
    best, score = theta, -1.0
    for step in range(steps + 1):
        theta.requires_grad_()
        value = change(theta)
        if float(value.detach()) > score:
            best, score = theta.detach(), float(value.detach())
        if step == steps:
            break
        [gradient] = torch.autograd.grad(value, theta)
        theta = theta.detach()
        uphill = _unit(_apart(gradient, [*found, theta]))
        rate = 1 - step / steps
        theta = _unit(_apart(theta + rate * radius * uphill, found)) * radius
    return best, score


def _smallest(
    likely: Callable[[torch.Tensor], torch.Tensor], delta: torch.Tensor, score: float, epsilon: float, steps: int
) -> tuple[torch.Tensor, float]:
    """The perturbation in the smallest ball in which the reply is said, or the best there is within epsilon."""
    if score >= SAID:
        return delta, score
    for share in BALLS:
        found, value = _climb(likely, delta, epsilon * share, steps)
        if value >= SAID:
            break
        delta, score = found, value
    else:
        return delta, score
    low, high = share / 2, share
    for _ in range(HALVINGS):
        middle = (low * high) ** 0.5
        other, other_value = _climb(likely, delta, epsilon * middle, steps)
        if other_value >= SAID:
            found, value, high = other, other_value, middle
        else:
            low = middle
    return found, value


def _climb(
    likely: Callable[[torch.Tensor], torch.Tensor], delta: torch.Tensor, ball: float, steps: int
) -> tuple[torch.Tensor, float]:
    """Projected gradient steps within a ball a token: the first point at which the reply is said, else the best."""
    best, score = delta, -math.inf
    for step in range(steps + 1):
        delta = delta.detach().requires_grad_()
        value = likely(delta)
        if float(value.detach()) > score:
            best, score = delta.detach(), float(value.detach())
        if score >= SAID or step == steps:
            break
        [gradient] = torch.autograd.grad(value, delta)
        with torch.no_grad():
            delta = delta + 2.5 * ball / steps * _unit(gradient)
            lengths = torch.linalg.vector_norm(delta, dim=-1, keepdim=True).clamp(min=1e-12)
            delta = delta * (ball / lengths).clamp(max=1.0)
    return best, score


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    lengths: torch.Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / lengths.clamp(min=1e-12)


def _apart(vector: torch.Tensor, others: Sequence[torch.Tensor]) -> torch.Tensor:
    """What of a vector is orthogonal to others. Twice, because float32 leaves a rest the first time."""
    for other in [*others, *others]:
        direction = _unit(other)
        vector = vector - (vector @ direction) * direction
    return vector


def _padded(rows: Sequence[Sequence[int]], device: torch.device) -> torch.Tensor:
    """Token ids [rows, longest], padded on the right: no token sees what comes after it."""
    longest = max((len(row) for row in rows), default=0)
    if not longest:
        raise CordeliaError("There is no text to search on; give at least one.")
    if longest * len(rows) > MOST_TOKENS:
        raise CordeliaError(f"A search holds at most {MOST_TOKENS} tokens; give fewer or shorter texts.")
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows], device=device)


def _freeze(anatomy: Anatomy) -> None:
    for parameter in anatomy.model.parameters():
        parameter.requires_grad_(False)
