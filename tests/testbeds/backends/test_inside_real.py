"""The inside of pocket's organisms on their real weights: the equalities that the affordances stand on."""

from collections.abc import Sequence
from typing import Any

import anyio
import numpy as np
import pytest
from inspect_ai.model import ChatMessageUser, GenerateConfig

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")

from cordelia.contracts.intervention import Add, Noise  # noqa: E402
from cordelia.testbeds.backends.base import Loaded, ServedOrganism, TargetRequest  # noqa: E402
from cordelia.testbeds.backends.inside import Captured, Text  # noqa: E402
from cordelia.testbeds.backends.transformers import TransformersBackend, transformers_backend  # noqa: E402
from cordelia.testbeds.capabilities import Mode  # noqa: E402
from cordelia.testbeds.find import load_testbed  # noqa: E402
from cordelia.testbeds.organism import reference_of, serve  # noqa: E402

pytestmark = [pytest.mark.weights, pytest.mark.slow]

BED = load_testbed("pocket")
TEXTS = [Text([ChatMessageUser(content=prompt)]) for prompt in ("How do I make soup?", "Why is the sky blue at noon?")]
LAYERS = [0.0, 15, 1.0]
REF = "0" * 16


def backend(organism: ServedOrganism) -> TransformersBackend:
    made = transformers_backend(organism, device="cpu")
    assert isinstance(made, TransformersBackend)
    return made


def captured(organism: ServedOrganism) -> list[Captured]:
    return anyio.run(backend(organism).capture, TEXTS, LAYERS)


@pytest.mark.parametrize("organism", ["siskin", "finch"])
def test_activations_are_the_librarys_own_and_at_scale_0_those_of_the_base(organism: str) -> None:
    served = serve(BED, organism)
    one = backend(served)
    found: list[Captured] = anyio.run(one.capture, TEXTS, LAYERS)
    engine = one._engine
    assert engine is not None
    from cordelia.testbeds.backends.rendering import encode_text

    for text, each in zip(TEXTS, found, strict=True):
        ids = torch.tensor([encode_text(engine.tokenizer, text).ids])
        with torch.inference_mode(), engine._routing([_Asked(served)])[0]:  # type: ignore[list-item]
            states = engine.anatomy.model(ids, output_hidden_states=True).hidden_states
        for place, layer in enumerate(each.layers[:2]):  # the last of hidden_states is after the final norm
            np.testing.assert_allclose(each.hidden[place], states[layer + 1][0], rtol=1e-3, atol=0.05)
        normed = engine.anatomy.norm(torch.from_numpy(each.hidden[2]))
        np.testing.assert_allclose(normed.detach(), states[-1][0], rtol=1e-2, atol=0.05)
        sizes = np.linalg.norm(each.hidden[1], axis=1)
        assert sizes[0] > 20 * sizes[1:].mean(), "the first token is an attention sink"
    base = captured(reference_of(served))
    nothing = captured(serve(BED, organism, adapter_scale=0.0))
    for full, none, plain in zip(found, nothing, base, strict=True):
        assert np.array_equal(none.hidden, plain.hidden), "scale 0 is the base"
        assert np.array_equal(full.hidden, plain.hidden) == (served.adapter is None)


class _Asked:
    def __init__(self, served: ServedOrganism) -> None:
        self.adapter = served.adapter


def test_rows_under_interventions_say_in_company_what_they_say_alone() -> None:
    direction = np.random.default_rng(0).normal(size=576).astype(np.float32)
    push: tuple[Loaded, ...] = (Loaded(Add(layer=0.5, vector=REF, scale=0.6, relative=True), direction),)
    zero: tuple[Loaded, ...] = (
        Loaded(Add(layer=0.5, vector=REF, scale=0.0), direction),
        Loaded(Noise(layer=3, scale=0)),
    )
    noise: tuple[Loaded, ...] = (Loaded(Noise(layer=0.3, seed=4, scale=0.5)),)
    asked: list[tuple[str, tuple[Loaded, ...]]] = [
        (name, loaded) for name in ("siskin", "wren") for loaded in ((), push, zero, noise)
    ]
    together = _said(asked)
    for one, found in zip(asked, together, strict=True):
        assert _said([one]) == [found]
    for plain, pushed, unchanged, noised in (together[:4], together[4:]):
        assert unchanged == plain and len({plain, pushed, noised}) == 3


def _said(asked: Sequence[tuple[str, tuple[Loaded, ...]]]) -> list[str]:
    found: dict[int, str] = {}

    async def ask(place: int, name: str, loaded: tuple[Loaded, ...]) -> None:
        config: Any = GenerateConfig(temperature=0, max_tokens=10)
        one = transformers_backend(serve(BED, name), device="cpu", remember=0)
        request = TargetRequest(TEXTS[0].messages, Mode.CHAT, config, interventions=loaded)
        found[place] = (await one.generate(request)).completion

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for place, each in enumerate(asked):
                group.start_soon(ask, place, *each)

    anyio.run(main)
    return [found[place] for place in range(len(asked))]
