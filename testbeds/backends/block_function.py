"""What interventions are compiled to: arithmetic on activations, in torch and nothing else.

These objects travel to another process (a vLLM server's), which may have no Cordelia: nothing here imports it, so they
can be pickled by value. Nothing waits for the device either: which tokens are changed is a mask, never an index, and
counts stay on the device until somebody asks.
"""

from dataclasses import dataclass

import torch

_MIX, _FIRST, _SECOND = -0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15
"""The constants of SplitMix64, as signed 64-bit numbers."""
_BITS = 23


@dataclass(frozen=True)
class Tokens:
    """Which tokens the activations are of.

    Attributes:
        positions: of each token in its row, from 0, over prompt and reply together; int64 [tokens].
        reply: whether the model wrote it; bool [tokens].
    """

    positions: torch.Tensor
    reply: torch.Tensor

    @classmethod
    def span(cls, start: int, count: int, prompt: int, device: torch.device | str = "cpu") -> "Tokens":
        """`count` tokens of one row from position `start` on; `prompt` is the number of tokens of its prompt."""
        positions = torch.arange(start, start + count, device=device)
        return cls(positions, positions >= prompt)


@dataclass
class Step:
    """One intervention, resolved.

    Attributes:
        number: its place in the request.
        kind: `add`, `noise`, `project`, `patch` or `clamp`.
        where: `all`, `prompt`, `reply` or `listed`.
        amount: scale, or the value of a clamp.
        relative: to the length of the token's own residual.
        vector: float32 [width]; of unit length where only the direction counts; [listed, width] for a patch by rows.
        listed: int64, ascending: the positions of `listed`.
        key: (seed, block) of noise.
    """

    number: int
    kind: str
    where: str
    amount: float = 1.0
    relative: bool = False
    vector: torch.Tensor | None = None
    listed: torch.Tensor | None = None
    key: tuple[int, int] = (0, 0)

    def chosen(self, tokens: Tokens) -> torch.Tensor:
        """Which tokens it applies to; bool [tokens]."""
        if self.where == "reply":
            return tokens.reply
        if self.where == "listed" and self.listed is not None:
            return torch.isin(tokens.positions, self.listed)
        later = tokens.positions > 0
        return later & ~tokens.reply if self.where == "prompt" else later

    def changed(self, hidden: torch.Tensor, tokens: Tokens) -> torch.Tensor:
        """What it makes of activations, float32 [tokens, width], wherever it is applied."""
        lengths = hidden.norm(dim=-1, keepdim=True) if self.relative else None
        if self.kind == "noise":
            width = hidden.shape[-1]
            noise = gaussian(*self.key, tokens.positions, width)
            return hidden + noise * (self.amount if lengths is None else lengths * (self.amount / width**0.5))
        vector = self.vector
        assert vector is not None  # the compiler gives every other kind one
        if self.kind == "add":
            return hidden + vector * (self.amount if lengths is None else lengths * self.amount)
        if self.kind == "patch":
            if vector.dim() == 1 or self.listed is None:
                return vector.expand_as(hidden)
            rows = torch.searchsorted(self.listed, tokens.positions).clamp_(max=len(vector) - 1)
            return vector[rows]
        along = (hidden @ vector).unsqueeze(-1)
        if self.kind == "project":
            return hidden - (self.amount * along) * vector
        wanted = self.amount if lengths is None else lengths * self.amount
        return hidden + (wanted - along) * vector

    def to(self, device: torch.device) -> None:
        """Move its tensors to where the activations are."""
        self.vector = self.vector if self.vector is None else self.vector.to(device)
        self.listed = self.listed if self.listed is None else self.listed.to(device)


class BlockFunction:
    """The interventions on one block, in their order: `function(tokens, hidden)`.

    It may be called as often as a row comes in pieces (chunks, decoding steps), and with the tokens of several rows at
    once. `counts` says to how many tokens each of its steps was applied so far.
    """

    def __init__(self, block: int, steps: list[Step]) -> None:
        self.block = block
        self.steps = steps
        self._counts: list[torch.Tensor | int] = [0] * len(steps)
        self._device: torch.device | None = None

    def __call__(self, tokens: Tokens, hidden: torch.Tensor) -> torch.Tensor:
        """The activations as they go on, same shape, type and device; tokens that no step names stay bit for bit.

        Args:
            tokens: which they are.
            hidden: any float type [tokens, width]; not changed in place. The arithmetic is float32.
        """
        if hidden.device != self._device:
            for step in self.steps:
                step.to(hidden.device)
            self._device = hidden.device
        for place, step in enumerate(self.steps):
            chosen = step.chosen(tokens)
            changed = step.changed(hidden.float(), tokens).to(hidden.dtype)
            hidden = torch.where(chosen.unsqueeze(-1), changed, hidden)
            self._counts[place] = self._counts[place] + chosen.sum()
        return hidden

    @property
    def counts(self) -> dict[int, int]:
        """By each intervention's place in the request, the tokens that it was applied to."""
        return {step.number: int(count) for step, count in zip(self.steps, self._counts, strict=True)}


def gaussian(seed: int, block: int, positions: torch.Tensor, width: int) -> torch.Tensor:
    """Standard normal numbers, float32 [positions, width], that depend on (seed, block, position, place) alone.

    A generator without state (SplitMix64 of a counter, then the inverse of the normal distribution), so batches,
    chunks and the KV cache change nothing, and any device draws the same numbers.
    """
    places = torch.arange(width, device=positions.device)
    state = _mixed(_mixed(torch.full_like(positions, seed)) + block)
    state = _mixed(_mixed(state + positions).unsqueeze(-1) + places)
    bits = (state >> (64 - _BITS)) & (2**_BITS - 1)
    # odd numbers over a power of two: exact in float32, and never -1 or 1
    return torch.erfinv((2 * bits + 1 - 2**_BITS).float() / 2**_BITS) * 2**0.5


def _mixed(state: torch.Tensor) -> torch.Tensor:
    """SplitMix64 of each number; int64 arithmetic wraps as unsigned does."""
    state = state + _MIX
    state = (state ^ ((state >> 30) & (2**34 - 1))) * _FIRST
    state = (state ^ ((state >> 27) & (2**37 - 1))) * _SECOND
    return state ^ ((state >> 31) & (2**33 - 1))
