"""intervention: seconds a written token under interventions, against the same replies without.

Both sides are the backend's `generate`, greedy, all prompts at once. The interventions have scale 0: all their
arithmetic is done, and since they change nothing both sides write the same tokens.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from time import perf_counter

import numpy as np
from inspect_ai.model import ChatMessageUser, GenerateConfig

from benchmarks.results import Goal, Line, Result, alternate
from benchmarks.throughput import ORGANISM, TESTBED, battery
from cordelia.contracts.intervention import Add, Noise
from cordelia.testbeds.backends.base import Backend, Loaded, TargetRequest
from cordelia.testbeds.backends.transformers import transformers_backend
from cordelia.testbeds.capabilities import Mode
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.organism import serve

GOAL = Goal("ratio", "≤", 1.3)
WIDTH = 576
VECTOR = np.ones(WIDTH, dtype=np.float32)
REF = "0" * 16

Given = Callable[[int], tuple[Loaded, ...]]
"""The interventions of the row with a number."""

KINDS: dict[str, tuple[Given, Goal | None]] = {
    "add at one layer": (lambda row: (Loaded(Add(layer=0.5, vector=REF, scale=0), VECTOR),), GOAL),
    "noise at one layer": (lambda row: (Loaded(Noise(layer=0.5, scale=0)),), GOAL),
    "each row its own, at five layers": (
        lambda row: tuple(Loaded(Noise(layer=layer, seed=row, scale=0)) for layer in (3, 9, 15, 21, 27)),
        None,
    ),
}


def run(quick: bool) -> Result:
    """One prompt and a batch, on pocket's base with an adapter."""
    backend = transformers_backend(serve(load_testbed(TESTBED), ORGANISM), remember=0)
    tokens, repeats = (12, 2) if quick else (24, 3)
    lines = []
    for rows in (1, 8 if quick else 32):
        prompts = battery(rows)
        for name, (given, goal) in KINDS.items():
            if rows == 1 and goal is None:
                continue
            ours, theirs = alternate(
                [partial(seconds, backend, prompts, tokens, each) for each in (given, nothing)], repeats
            )
            sides = [[value for (value,) in side] for side in (ours, theirs)]
            lines.append(Line(f"{rows} at once, {name}", "s/token", sides[0], sides[1], goal))
    return Result("intervention", "plain", lines, [f"{tokens} tokens each, {TESTBED}/{ORGANISM}, transformers."])


def nothing(row: int) -> tuple[Loaded, ...]:
    return ()


def seconds(backend: Backend, prompts: list[str], tokens: int, given: Given) -> tuple[float]:
    """Seconds for each token that was written."""

    async def ask() -> int:
        config = GenerateConfig(temperature=0, max_tokens=tokens)
        requests = [
            TargetRequest([ChatMessageUser(content=prompt)], Mode.CHAT, config, interventions=given(row))
            for row, prompt in enumerate(prompts)
        ]
        outputs = await asyncio.gather(*map(backend.generate, requests))
        return sum(output.usage.output_tokens for output in outputs if output.usage)

    began = perf_counter()
    written = asyncio.run(ask())
    return ((perf_counter() - began) / written,)
