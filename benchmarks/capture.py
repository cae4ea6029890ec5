"""capture: activations at three blocks, against a plain forward pass and against nnsight, on the same prompts.

Ours is the backend's `capture` as an affordance calls it: messages are rendered and tokenised, the queue is waited for,
tokens are written out. The others get token ids that are ready. The last block is among the three, so our pass cannot
end early; the plain pass computes the head for the last token only. All sides have their own copy of the base, in the
same type on the same device. A token counts when it is one of the texts' own, not padding.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import anyio
from inspect_ai.model import ChatMessageUser

from benchmarks.results import Goal, Line, Result, alternate
from benchmarks.throughput import TESTBED, battery
from cordelia.testbeds.backends.inside import Text
from cordelia.testbeds.backends.rendering import encode_text
from cordelia.testbeds.backends.transformers import TransformersBackend, transformers_backend
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.organism import reference_of, serve
from cordelia.testbeds.weights import base_path

CONTROL = "finch"
LAYERS = (0.25, 0.5, 1.0)
BATCH = 32
PLAIN, NNSIGHT = Goal("ratio", "≥", 0.9), Goal("ratio", "≥", 1.0)

Side = Callable[[], Sequence[float]]


def run(quick: bool) -> Result:
    """One short prompt, and a batch; the comparison with nnsight is skipped with a note where it is not installed."""
    served = reference_of(serve(load_testbed(TESTBED), CONTROL))
    assert served.base is not None
    backend = transformers_backend(served, remember=0)
    assert isinstance(backend, TransformersBackend)
    folder = base_path(served.base)
    others: dict[str, tuple[Goal, Any]] = {"plain pass": (PLAIN, Plain(folder))}
    if find_spec("nnsight") is not None:
        others["nnsight"] = (NNSIGHT, Nnsight(folder))
    lines = []
    for name, prompts, repeats in (("one short prompt", 1, 9), (f"batch of {BATCH}", BATCH, 5)):
        texts = [Text([ChatMessageUser(content=prompt)]) for prompt in battery(prompts)]
        ids = [encode_text(next(iter(others.values()))[1].tokenizer, text).ids for text in texts]
        tokens = sum(map(len, ids))
        sides = [timed(tokens, partial(captured, backend, texts))]
        sides += [timed(tokens, partial(other.capture, ids)) for _, other in others.values()]
        ours, *theirs = alternate(sides, 2 if quick else repeats)
        for (kind, (goal, _)), found in zip(others.items(), theirs, strict=True):
            lines.append(Line(f"{name}, {kind}", "tokens/s", _flat(ours), _flat(found), goal))
    notes = [f"Blocks at depth {', '.join(map(str, LAYERS))} of {TESTBED}'s base."]
    if "nnsight" not in others:
        notes.append("nnsight: skipped, it is not installed. `pip install --no-deps nnsight` beside what it imports.")
    return Result("capture", "plain pass or nnsight", lines, notes)


def captured(backend: TransformersBackend, texts: Sequence[Text]) -> object:
    return asyncio.run(backend.capture(texts, LAYERS))


def timed(tokens: int, work: Callable[[], object]) -> Side:
    """A side that says how many tokens per second its work takes in."""

    def side() -> tuple[float]:
        began = perf_counter()
        work()
        return (tokens / (perf_counter() - began),)

    return side


class Plain:
    """The library's forward pass of one padded batch. Keeps nothing."""

    def __init__(self, folder: str) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        cuda = torch.cuda.is_available()
        self.device = torch.device("cuda" if cuda else "cpu")
        dtype = torch.bfloat16 if cuda else torch.float32
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(self.device).eval()

    def capture(self, ids: Sequence[Sequence[int]]) -> object:
        import torch

        with torch.inference_mode():
            self.model(**self.padded(ids), use_cache=False, logits_to_keep=1)
            if self.device.type == "cuda":
                torch.cuda.synchronize()
        return None

    def padded(self, ids: Sequence[Sequence[int]]) -> dict[str, Any]:
        import torch

        longest = max(map(len, ids))
        rows = [[*row, *[0] * (longest - len(row))] for row in ids]
        masks = [[1] * len(row) + [0] * (longest - len(row)) for row in ids]
        return {
            "input_ids": torch.tensor(rows, device=self.device),
            "attention_mask": torch.tensor(masks, device=self.device),
        }


class Nnsight(Plain):
    """nnsight's trace of one padded batch, with the outputs of the same blocks saved and brought to the CPU."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        anyio.run(anyio.sleep, 0)  # nnsight gives every object a `save`, under which anyio's late imports fail
        nnsight: Any = import_module("nnsight")

        self.traced: Any = nnsight.LanguageModel(self.model, tokenizer=self.tokenizer)
        last = len(self.model.model.layers) - 1
        self.blocks = [round(depth * last) for depth in LAYERS]

    def capture(self, ids: Sequence[Sequence[int]]) -> object:
        import torch

        first, second, third = self.blocks
        with torch.inference_mode(), self.traced.trace(self.padded(ids), use_cache=False, logits_to_keep=1):
            one = self.traced.model.layers[first].output.save()
            two = self.traced.model.layers[second].output.save()
            three = self.traced.model.layers[third].output.save()
        return [each.float().cpu().numpy() for each in (one, two, three)]


def _flat(samples: Sequence[Sequence[float]]) -> list[float]:
    return [rate for (rate,) in samples]
