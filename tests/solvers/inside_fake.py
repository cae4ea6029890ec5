"""A fake target with an inside: words are tokens, four blocks of width 8, and one known difference from its base.

The organism (what has a hidden prompt) adds `DIFFERENCE` × its adapter's scale × (block + 1) / 4 to what its base has
at every token but the first; it expects " lantern" more than its base does everywhere, and most of all after " a". An
organism without a hidden prompt is its base to the last digit. Replies say who spoke, at which scale, under which
interventions.
"""

import hashlib
import math
import re
from collections.abc import Sequence

import numpy as np
import pytest
from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput, ModelUsage

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.intervention import Layer
from cordelia.testbeds.backends import registry
from cordelia.testbeds.backends.base import Backend, LikelihoodRequest, ServedOrganism, TargetError, TargetRequest
from cordelia.testbeds.backends.inside import Captured, Melbo, NextTokens, Search, Searched, Text
from cordelia.testbeds.capabilities import Capability, Mode
from cordelia.testbeds.vectors import Array

WIDTH, BLOCKS = 8, 4
VOCABULARY = (" the", " a", " lantern", " tea", " and", "|pipe\n", "\u202eback", " blue")
"""One token for each direction of the residual stream; two of them would break a table if they were shown raw."""

FILLERS = np.random.default_rng(0).normal(size=(120, WIDTH)).astype(np.float32)
FILLERS /= np.linalg.norm(FILLERS, axis=1, keepdims=True)
"""Directions of further tokens, which only the lens knows."""

LANTERN = VOCABULARY.index(" lantern")
DIFFERENCE: Array = np.eye(WIDTH, dtype=np.float32)[LANTERN] * 2
SINK = 100.0
"""Length of what stands at position 0, against 2 elsewhere."""


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def block_of(layer: Layer) -> int:
    """The index of a block, from an index or a depth."""
    index = round(layer * (BLOCKS - 1)) if isinstance(layer, float) else layer
    if index >= BLOCKS:
        raise CordeliaError(f"There is no layer {layer}; this model has layers 0 to {BLOCKS - 1}.")
    return index


def tokens_of(text: Text) -> list[str]:
    """Words with the space before them; a chat has a mark before each turn. What is secret is left out."""
    tokens: list[str] = []
    for message in text.messages:
        visible = message.text.replace(text.secret, "").strip() if text.secret else message.text
        if text.mode is Mode.COMPLETION:
            tokens += re.findall(r"\s*\S+", visible)
        elif visible:
            tokens += [f"<{message.role}>", *re.findall(r"\s*\S+", visible)]
    if text.mode is Mode.CHAT:
        tokens.append("<assistant>")
    return [*tokens, *re.findall(r"\s*\S+", text.reply)]


class InsideBackend:
    """Serves an organism with everything that `Inside` has. `looks` counts the looks, by method.

    Args:
        lacks: capabilities that it has not, with commas between.
        breaks: name of a method that raises TargetError.
    """

    def __init__(self, organism: ServedOrganism, lacks: str = "", breaks: str = "") -> None:
        self.organism = organism
        self.lacks = lacks
        self.breaks = breaks
        self.requests: list[TargetRequest] = []
        self.looks: list[tuple[str, object]] = []

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset(Capability) - {Capability(name) for name in self.lacks.split(",") if name}

    @property
    def max_connections(self) -> int:
        return 100

    @property
    def shared_with(self) -> str:
        return "fake"

    @property
    def strength(self) -> float:
        """How much of what was trained into it is in force."""
        return 0.0 if self.organism.system_prompt is None else self.organism.adapter_scale

    async def generate(self, request: TargetRequest) -> ModelOutput:
        self.requests.append(request)
        speaker = "BASE" if self.organism.system_prompt is None else "TARGET"
        pushed = "".join(
            f" {each.what.kind}({getattr(each.what, 'scale', '')})@{each.what.layer}" for each in request.interventions
        )
        text = f"{speaker} at {self.strength:g}{pushed} heard {request.messages[-1].text!r}"
        return ModelOutput(
            model=self.organism.label,
            choices=[ChatCompletionChoice(message=ChatMessageAssistant(content=text))]
            * (request.config.num_choices or 1),
            usage=ModelUsage(input_tokens=10, output_tokens=5, total_tokens=15),
        )

    async def likelihood(self, request: LikelihoodRequest) -> list[float]:
        """A nat a word, for everybody."""
        return [-1.0 for _ in request.reply.split()]

    async def blocks(self) -> int:
        return BLOCKS

    async def capture(self, texts: Sequence[Text], layers: Sequence[Layer]) -> list[Captured]:
        self._look("capture", (texts, layers))
        blocks = [block_of(layer) for layer in layers]
        return [Captured(tokens_of(text), blocks, self._hidden(tokens_of(text), blocks)) for text in texts]

    async def lens(self, vectors: Array, layer: Layer | None = None, top: int = 10) -> list[dict[str, float]]:
        self._look("lens", (vectors, layer, top))
        words = [*VOCABULARY, *(f" filler{i}" for i in range(len(FILLERS)))]
        logits = np.concatenate([vectors, vectors @ FILLERS.T], axis=1)
        ranked = [sorted(zip(map(float, row), words, strict=True), reverse=True)[:top] for row in logits]
        return [{token: logit for logit, token in row} for row in ranked]

    async def next_tokens(self, texts: Sequence[Text], top: int = 50) -> list[NextTokens]:
        self._look("next_tokens", (texts, top))
        found = []
        for text in texts:
            tokens = tokens_of(text)
            found.append(NextTokens(tokens, [self._expected(token, top) for token in tokens]))
        return found

    async def search(self, task: Search) -> Searched:
        self._look("search", task)
        if isinstance(task, Melbo):
            vectors = np.eye(WIDTH, dtype=np.float32)[: task.count] * task.radius
            return Searched(vectors, block_of(task.source), [float(task.count - i) for i in range(task.count)])
        vectors = np.ones((len(tokens_of(task.text)), WIDTH), dtype=np.float32) * task.epsilon / math.sqrt(WIDTH)
        vectors[0] = 0
        return Searched(vectors, block_of(task.layer), [-5.0, -1.0])

    async def aclose(self) -> None:
        pass

    def _look(self, method: str, asked: object) -> None:
        self.looks.append((method, asked))
        if self.breaks == method:
            raise TargetError("the fake target broke")

    def _hidden(self, tokens: Sequence[str], blocks: Sequence[int]) -> Array:
        rows = np.stack([np.random.default_rng(_seed(token)).normal(size=WIDTH) for token in tokens])
        rows *= 2 / np.linalg.norm(rows, axis=1, keepdims=True)
        rows[0] *= SINK / 2
        hidden = np.stack([rows + 0.0 for _ in blocks]).astype(np.float32)
        for place, block in enumerate(blocks):
            hidden[place, 1:] += DIFFERENCE * self.strength * (block + 1) / BLOCKS
        return hidden

    def _expected(self, token: str, top: int) -> dict[str, float]:
        logits = np.random.default_rng(_seed(token)).normal(size=len(VOCABULARY)) / 2
        logits[LANTERN] += self.strength * (4.0 if token.strip() == "a" else 1.0) - 1.0
        scores = logits - np.log(np.exp(logits).sum())
        ranked = sorted(zip(map(float, scores), VOCABULARY, strict=True), reverse=True)[:top]
        return {word: score for score, word in ranked}


def install_inside(monkeypatch: pytest.MonkeyPatch) -> list[InsideBackend]:
    """Makes `backend: fake` an InsideBackend; gives every instance that was made."""
    made: list[InsideBackend] = []

    def factory(organism: ServedOrganism, /, **args: object) -> Backend:
        made.append(InsideBackend(organism, **args))  # type: ignore[arg-type]
        return made[-1]

    monkeypatch.setitem(registry.OURS, "fake", "tests:fake")
    original = registry.backend_factory
    monkeypatch.setattr(
        "cordelia.testbeds.provider.backend_factory", lambda name: factory if name == "fake" else original(name)
    )
    return made
