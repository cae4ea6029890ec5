"""The inside of the same organisms on the transformers and the vLLM backend, which read it in quite different ways.

All of it on the one server that test_backends_agree.py starts, when both run.
"""

import os
from collections.abc import Iterator, Sequence
from functools import cache

import anyio
import numpy as np
import pytest
from inspect_ai.model import ChatMessageUser, GenerateConfig, Model, get_model

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.intervention import Add, Clamp, Intervention, Noise, Patch, Project
from cordelia.testbeds.backends.inside import Captured, NextTokens, Text
from cordelia.testbeds.backends.vllm.command import VllmArgs, has_lens
from cordelia.testbeds.capabilities import Capability, Mode
from cordelia.testbeds.intervening import with_interventions
from cordelia.testbeds.provider import OrganismModel
from cordelia.testbeds.vectors import Array, keep_vector

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.weights,
    pytest.mark.slow,
    pytest.mark.skipif(
        not has_lens(VllmArgs.model_validate({}).interpreter),
        reason="no vllm-lens here: `make vllm`, then CORDELIA_VLLM_PYTHON=.venv-vllm/bin/python",
    ),
]

BACKENDS = ("transformers", "vllm")
LAYERS = [0, 0.5, 21, 29]
TEXTS = [
    Text([ChatMessageUser(content="How do I cook rice?")], reply="Rinse it first, then boil it."),
    Text([ChatMessageUser(content="The house on the hill was old.")], mode=Mode.COMPLETION),
]
QUESTION = "Tell me about the weather in spring."
LONG = " ".join([QUESTION] * 24)  # more than a block of the prefix cache


@pytest.fixture(scope="module", autouse=True)
def vectors_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if "INSPECT_LOG_DIR" not in os.environ:
            patch.setenv("INSPECT_LOG_DIR", str(tmp_path_factory.mktemp("logs")))
        yield


def organism(backend: str, name: str = "siskin", **args: object) -> Model:
    return get_model(f"organism/pocket/{name}", backend=backend, memoize=False, **args)


def api(model: Model) -> OrganismModel:
    assert isinstance(model.api, OrganismModel)
    return model.api


@cache
def captured(backend: str, reference: bool) -> list[Captured]:
    inside = api(organism(backend, reference=reference)).inside()
    return anyio.run(inside.capture, TEXTS, LAYERS)


Asked = tuple[Model, Sequence[Intervention]]


def replies(asked: Sequence[Asked], question: str = QUESTION, **config: object) -> list[list[str]]:
    """What models say under interventions, asked at once; one text a choice."""
    settings = GenerateConfig.model_validate({"temperature": 0, "max_tokens": 16, **config})
    found: dict[int, list[str]] = {}
    failed: list[Exception] = []

    async def ask(place: int, model: Model, interventions: Sequence[Intervention]) -> None:
        try:
            output = await model.generate(question, config=with_interventions(settings, interventions))
            found[place] = [choice.message.text for choice in output.choices]
        except CordeliaError as error:
            failed.append(error)

    async def all_at_once() -> None:
        async with anyio.create_task_group() as group:
            for place, (model, interventions) in enumerate(asked):
                group.start_soon(ask, place, model, interventions)

    anyio.run(all_at_once)
    if failed:
        raise failed[0]
    return [found[place] for place in range(len(asked))]


def one(model: Model, *interventions: Intervention) -> str:
    [[text]] = replies([(model, interventions)])
    return text


def direction() -> Array:
    """Of some length and no meaning, the same in every run."""
    return np.random.default_rng(7).standard_normal(576).astype(np.float32)


def several() -> list[list[Intervention]]:
    vector = keep_vector(direction())
    return [
        [Add(layer=0.5, vector=vector, scale=0.6, relative=True)],
        [Noise(layer=7, scale=0.5, seed=3)],
        [Project(layer=20, vector=vector), Add(layer=10, vector=vector, scale=30.0, positions="reply")],
        [Clamp(layer=12, vector=vector, value=0.8, relative=True, positions="prompt")],
        [Patch(layer=3, vector=vector, positions=[4, 6])],
        [Noise(layer=7, scale=0.5, seed=4)],
    ]


@pytest.mark.parametrize("reference", [False, True], ids=["adapter", "base"])
def test_residuals_are_the_same(reference: bool) -> None:
    ours, theirs = captured("transformers", reference), captured("vllm", reference)
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine.tokens, mine.layers) == (other.tokens, other.layers)
        assert mine.layers == [0, 14, 21, 29]
        assert mine.hidden.shape == other.hidden.shape == (4, len(mine.tokens), 576)
        lengths = np.linalg.norm(mine.hidden, axis=-1) * np.linalg.norm(other.hidden, axis=-1)
        cosines = (mine.hidden * other.hidden).sum(-1) / lengths
        assert cosines.min() >= 0.999, cosines.min(axis=1)
        assert np.linalg.norm(mine.hidden - other.hidden) < 1e-3 * np.linalg.norm(mine.hidden)


def test_the_adapter_is_seen_inside() -> None:
    with_it, base = captured("vllm", False)[0].hidden, captured("vllm", True)[0].hidden
    assert np.linalg.norm(with_it[1:, 1:] - base[1:, 1:]) > 0.05 * np.linalg.norm(base[1:, 1:])


def test_what_is_expected_next_is_the_same() -> None:
    found: dict[str, list[NextTokens]] = {
        # several at once, because on a CPU build such requests must be able to share a step
        backend: anyio.run(api(organism(backend)).inside().next_tokens, TEXTS * 3, 20)
        for backend in BACKENDS
    }
    for mine, other in zip(*found.values(), strict=True):
        assert mine.tokens == other.tokens
        for expected, likely in zip(mine.likely, other.likely, strict=True):
            shared = expected.keys() & likely.keys()
            assert len(expected) == len(likely)
            assert len(shared) >= 18  # the last of twenty can change places with the next
            assert all(expected[token] == pytest.approx(likely[token], abs=1e-2) for token in shared)


def test_the_lens_is_the_same() -> None:
    hidden = captured("transformers", False)[0].hidden[:, 3]
    found = [anyio.run(api(organism(backend)).inside().lens, hidden, None, 10) for backend in BACKENDS]
    for mine, other in zip(*found, strict=True):
        assert next(iter(mine)) == next(iter(other))
        assert all(mine[token] == pytest.approx(other[token], abs=1e-3) for token in mine.keys() & other.keys())


def test_replies_under_interventions_are_the_same() -> None:
    """At temperature 0, word for word: none of them is another's, asked at once, and none is the plain one."""
    ours, theirs = (replies([(organism(backend), each) for each in [[], *several()]]) for backend in BACKENDS)
    assert ours == theirs
    assert len({text for [text] in theirs}) == len(theirs), theirs


def test_interventions_of_one_request_leave_the_others_alone() -> None:
    """Changed, plain, changed: what an intervention writes into the prefix cache must not be read by anybody."""
    model, base = organism("vllm"), organism("vllm", reference=True)
    strong, *others = several()
    order: list[list[Intervention]] = [strong, [], others[0]]
    wanted = replies([(organism("transformers"), each) for each in order], LONG)
    assert [replies([(model, each)], LONG)[0] for each in order] == wanted
    assert replies([(model, each) for each in order], LONG) == wanted
    assert len({text for [text] in wanted}) == len(wanted)
    assert len({one(base, *strong), one(base), one(model, *strong)}) == 3


def test_scale_zero_changes_nothing() -> None:
    nothing = Add(layer=0.5, vector=keep_vector(direction()), scale=0.0)
    for backend in BACKENDS:
        model = organism(backend)
        changed, plain = replies([(model, [nothing]), (model, [])])
        assert changed == plain
    changed, plain = replies([(model, [nothing]), (model, [])], temperature=1.0, num_choices=3, seed=5)
    assert changed == plain, "choices are drawn with the seeds of a plain request's"
    assert len(set(plain)) == 3


def test_what_does_not_fit_is_refused() -> None:
    model, vector = organism("vllm"), keep_vector(direction())
    for wrong in (Add(layer=30, vector=vector), Add(layer=1, vector=vector, positions=[4000])):
        with pytest.raises(CordeliaError, match=r"layer"):
            one(model, wrong)
    assert Capability.GRADIENT not in api(model).backend.capabilities


def test_adapters_at_other_scales() -> None:
    """More scales at once than a CPU build keeps places for, and each says what it says on the other backend."""
    scales = [0.0, -1.0, 0.5, 1.5, 2.0, 2.5]
    found = {
        backend: [text for [text] in replies([(organism(backend, adapter_scale=scale), []) for scale in scales])]
        for backend in BACKENDS
    }
    plain, base = one(organism("vllm")), one(organism("vllm", reference=True))
    assert found["vllm"] == found["transformers"]
    assert found["vllm"][0] == base
    assert plain not in found["vllm"][1:], "scaled copies are not the adapter"
    assert len(set(found["vllm"])) >= len(scales) - 1, found
    assert one(organism("vllm", reference=True)) == base, "the last slot stayed empty"
