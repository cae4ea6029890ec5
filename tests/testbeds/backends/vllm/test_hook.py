"""What is counted of a request that a vLLM server reads in pieces, and anew when it had to drop it."""

import pickle
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from cordelia.contracts.intervention import Add, Noise
from cordelia.testbeds.backends.base import Loaded
from cordelia.testbeds.backends.compiler import compile_interventions
from cordelia.testbeds.backends.vllm import hook as source
from cordelia.testbeds.backends.vllm.lens import _code

torch = pytest.importorskip("torch")

WIDTH, PROMPT = 4, 6
REPLY = Loaded(Add(layer=0, vector="0" * 16, scale=2.0, positions="reply"), np.ones(WIDTH, dtype=np.float32))
EVERY = Loaded(Noise(layer=0, scale=1.0, relative=False))


def read(*chunks: int) -> tuple[list[list[float]], dict[str, object]]:
    """What is added to the tokens of each chunk, by their first number, and what the hook says at the end."""
    blocks = {
        block: [source.fields_of(step) for step in function.steps]
        for block, function in compile_interventions([REPLY, EVERY], 1, WIDTH).items()
    }
    hook = pickle.loads(pickle.dumps(source.InsideHook(_code(), blocks, PROMPT)))
    context = SimpleNamespace(layer_idx=0, saved={})
    added = []
    for chunk in chunks:
        changed = hook(context, torch.zeros(chunk, WIDTH))
        added.append([] if changed is None else changed[:, 0].tolist())
    return added, pickle.loads(pickle.dumps(context.saved))


def flat(chunks: Sequence[Sequence[float]]) -> list[float]:
    return [value for chunk in chunks for value in chunk]


@pytest.mark.parametrize(
    "again",
    [
        (9,),  # prompt and reply at once, the last token not read before
        (8,),  # the same where that token was dropped too
        (4, 5),
        (4, 2, 3),
        (7, 2),
        (2, 2, 2, 2, 1),
        (5, 3),
        (8, 1),
    ],
)
def test_a_request_that_was_dropped_is_read_anew_in_any_chunks(again: tuple[int, ...]) -> None:
    once, _ = read(PROMPT, 1, 1, 1, 1)
    wanted = flat(once)
    added, said = read(4, 2, 1, 1, *again, 1)
    tokens = sum(again) + 1
    assert flat(added[4:]) == pytest.approx(wanted[:tokens]), "each token is in its own place"
    assert said == {"block 0": {"read": tokens, "applied": [[0, tokens - PROMPT], [1, tokens - 1]]}}


def test_one_that_is_dropped_twice_is_counted_from_the_last_time() -> None:
    once, _ = read(PROMPT, 1, 1, 1, 1, 1, 1)
    added, said = read(PROMPT, 1, 5, 3, 1, 1, 7, 3, 1)
    assert flat(added[6:]) == pytest.approx(flat(once)[:11])
    assert said["block 0"] == {"read": 11, "applied": [[0, 5], [1, 10]]}


@pytest.mark.parametrize("chunks", [(4, 5), (4, 6), (PROMPT, 1, 1, 4, 6), (PROMPT, 1, 1, 5, 3, 1, 4, 8)])
def test_chunks_that_do_not_add_up_are_told(chunks: tuple[int, ...]) -> None:
    """Dropped again before all was read: which chunk was the first is anybody's guess."""
    _, said = read(*chunks)
    assert "begun anew before it had been read" in str(said["error"])
