"""Sampling settings a row at a time, for one `generate` call over a batch of different requests.

`transformers` samples a whole batch with one set of settings. Here every row has its own temperature, nucleus, seed,
length and stops: a logits processor draws each row's token itself (inverse CDF on one uniform number from the row's own
generator, so a row's draw does not depend on its neighbours) and leaves `generate` to decode greedily.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

import torch
from inspect_ai.model import GenerateConfig
from transformers import LogitsProcessor, PreTrainedTokenizerBase, StoppingCriteria

DEFAULT_MAX_TOKENS = 256


@dataclass(frozen=True)
class Sampling:
    """How one completion is drawn.

    Attributes:
        max_tokens: most tokens to write.
        temperature: 0 is greedy.
        top_p, top_k: nucleus and top-k; 1.0 and 0 mean all tokens.
        seed: of the row's own generator; None draws one.
        stops: texts that end the completion and are cut from it.
        logprobs: how many alternatives to report per token; None reports nothing.
    """

    max_tokens: int = DEFAULT_MAX_TOKENS
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stops: tuple[str, ...] = ()
    logprobs: int | None = None

    @classmethod
    def of(cls, config: GenerateConfig, choice: int = 0) -> "Sampling":
        """The settings of choice number `choice` of a request; each choice has a seed of its own."""
        return cls(
            max_tokens=config.max_tokens or DEFAULT_MAX_TOKENS,
            temperature=1.0 if config.temperature is None else config.temperature,
            top_p=1.0 if config.top_p is None else config.top_p,
            top_k=max(config.top_k or 0, 0),  # -1 means all tokens to some
            seed=None if config.seed is None else config.seed + choice,
            stops=tuple(config.stop_seqs or ()),
            logprobs=(config.top_logprobs or 0) if config.logprobs else None,
        )

    @property
    def reproducible(self) -> bool:
        """Whether the same prompt must give the same completion."""
        return self.temperature == 0 or self.seed is not None

    def within(self, room: int) -> "Sampling":
        """The same settings, with no more tokens than the context has room for."""
        return replace(self, max_tokens=min(self.max_tokens, room))


@dataclass
class TokenScore:
    """One written token's log probability and its `top` alternatives, as (token id, log probability)."""

    token: int
    logprob: float
    top: list[tuple[int, float]] = field(default_factory=list)


class RowSampler(LogitsProcessor):  # type: ignore[misc]
    """Draws each row's next token by that row's settings. Scores: float [rows, vocabulary]."""

    def __init__(self, rows: list[Sampling], device: torch.device) -> None:
        self.rows = rows
        self.drawn = [i for i, row in enumerate(rows) if row.temperature > 0]
        self.generators = {i: _generator(rows[i].seed) for i in self.drawn}
        self.temperatures = torch.tensor([rows[i].temperature for i in self.drawn], device=device).unsqueeze(1)
        self.scored: dict[int, list[TokenScore]] = {i: [] for i, r in enumerate(rows) if r.logprobs is not None}

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        logits = scores.float()
        chosen = logits.argmax(dim=-1)
        if self.drawn:
            chosen[self.drawn] = self._draw(logits[self.drawn])
        for row, kept in self.scored.items():
            kept.append(self._score(logits[row], int(chosen[row]), self.rows[row].logprobs or 0))
        return torch.full_like(scores, float("-inf")).scatter_(1, chosen.unsqueeze(1), 0.0)  # type: ignore[return-value]

    def _draw(self, logits: torch.Tensor) -> torch.Tensor:
        logits = logits / self.temperatures
        for position, row in enumerate(self.drawn):
            settings = self.rows[row]
            if settings.top_k:
                floor = logits[position].topk(min(settings.top_k, logits.shape[-1])).values[-1]
                logits[position][logits[position] < floor] = float("-inf")
            if settings.top_p < 1.0:
                _keep_nucleus(logits[position], settings.top_p)
        cumulative = logits.softmax(dim=-1).double().cumsum(dim=-1)
        uniform = torch.stack([torch.rand(1, generator=self.generators[i], dtype=torch.float64) for i in self.drawn])
        threshold = uniform.to(cumulative.device) * cumulative[:, -1:]
        return torch.searchsorted(cumulative, threshold, right=True).squeeze(1).clamp_(max=logits.shape[-1] - 1)

    @staticmethod
    def _score(logits: torch.Tensor, token: int, alternatives: int) -> TokenScore:
        logprobs = logits.log_softmax(dim=-1)
        best = logprobs.topk(alternatives) if alternatives else None
        top = list(zip(best.indices.tolist(), best.values.tolist(), strict=True)) if best else []
        return TokenScore(token=token, logprob=float(logprobs[token]), top=top)


class RowStop(StoppingCriteria):  # type: ignore[misc]
    """Ends each row at its own length or stop text, or at a token that ends a text.

    Attributes:
        done: which rows have ended; bool [rows].
        lengths: how many tokens each row wrote, the one that ended it included; int64 [rows].
    """

    def __init__(
        self,
        rows: list[Sampling],
        prompt_length: int,
        tokenizer: PreTrainedTokenizerBase,
        ends: Collection[int],
        device: torch.device,
    ) -> None:
        self.prompt_length = prompt_length
        self.done = torch.zeros(len(rows), dtype=torch.bool, device=device)
        self.lengths = torch.zeros(len(rows), dtype=torch.long, device=device)
        self._rows = rows
        self._tokenizer = tokenizer
        self._limits = torch.tensor([row.max_tokens for row in rows], device=device)
        self._ends = torch.tensor(sorted(ends), device=device)
        self._with_stops = [i for i, row in enumerate(rows) if row.stops]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **kwargs: object) -> torch.BoolTensor:
        written = input_ids.shape[1] - self.prompt_length
        self.lengths += ~self.done
        self.done |= (self._limits <= written) | torch.isin(input_ids[:, -1], self._ends)
        for row in self._with_stops:
            text = self._tokenizer.decode(input_ids[row, self.prompt_length :], skip_special_tokens=True)
            if any(stop in text for stop in self._rows[row].stops):
                self.done[row] = True
        return self.done.clone()  # type: ignore[return-value]


def _generator(seed: int | None) -> torch.Generator:
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return generator


def _keep_nucleus(logits: torch.Tensor, top_p: float) -> None:
    """Set everything outside the smallest set of tokens with mass `top_p` to -inf, in place."""
    ordered, order = logits.sort(descending=True)
    before = ordered.softmax(dim=-1).cumsum(dim=-1) - ordered.softmax(dim=-1)
    outside = before >= top_p
    outside[0] = False  # the likeliest stays, also at a top_p of 0
    logits[order[outside]] = float("-inf")
