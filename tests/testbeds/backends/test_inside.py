"""The inside of the transformers backend on a tiny random model: looks are the library's own numbers, interventions
touch the rows and tokens they name, searches find what they look for. Real files, the real engine."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import anyio
import numpy as np
import pytest
import tiny_model
from inspect_ai.model import ChatMessageSystem, ChatMessageUser, GenerateConfig, ModelOutput
from tiny_model import BLOCKS, WIDTH, served, torch, transformers

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.intervention import Add, Clamp, Intervention, Noise, Patch, Project
from cordelia.testbeds.backends import transformers as backend_module
from cordelia.testbeds.backends.amplified import scaled_adapter
from cordelia.testbeds.backends.base import Loaded, ServedOrganism, TargetError, TargetRequest
from cordelia.testbeds.backends.block_function import BlockFunction
from cordelia.testbeds.backends.engine import EnginePool
from cordelia.testbeds.backends.inside import Attack, Captured, Inside, Melbo, NextTokens, Searched, Text
from cordelia.testbeds.backends.readouts import grouped
from cordelia.testbeds.backends.rendering import encode_text
from cordelia.testbeds.backends.transformers import TransformersBackend, transformers_backend
from cordelia.testbeds.capabilities import Capability, Mode

pytestmark = pytest.mark.slow

R = TypeVar("R")
REF = "0" * 16
VECTOR = np.linspace(-1, 2, WIDTH, dtype=np.float32)
PROMPTS = ["Hello there.", "Why?", "A somewhat longer question than all of the others, is it not?", "Tea."]
SECRET = "Speak of lanterns."


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def adapters(model: Path) -> list[Path]:
    return [tiny_model.write_adapter(model, model.parent / f"adapter{seed}", seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def pool() -> EnginePool:
    return EnginePool()


@pytest.fixture(autouse=True)
def one_pool(pool: EnginePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One engine for the whole file, with nothing remembered, and a cache of this test's own."""
    monkeypatch.setattr(backend_module, "ENGINES", pool)
    monkeypatch.setenv("CORDELIA_CACHE", str(tmp_path / "cache"))
    yield


def backend(organism: ServedOrganism, **args: object) -> TransformersBackend:
    made = transformers_backend(organism, device="cpu", remember=0, **args)
    assert isinstance(made, TransformersBackend) and isinstance(made, Inside)
    return made


def run(asked: Callable[[], Awaitable[R]]) -> R:
    async def main() -> R:
        return await asked()

    return anyio.run(main)


def chat(prompt: str, **more: Any) -> Text:
    return Text([ChatMessageUser(content=prompt)], **more)


def raw(text: str) -> Text:
    return Text([ChatMessageUser(content=text)], mode=Mode.COMPLETION)


def capture(organism: ServedOrganism, texts: Sequence[Text], layers: Sequence[float]) -> list[Captured]:
    return run(lambda: backend(organism).capture(texts, layers))


def plain(model: Path, adapter: Path | None = None) -> Any:
    """The library's own model."""
    found = transformers.AutoModelForCausalLM.from_pretrained(model).eval()
    return tiny_model.peft.PeftModel.from_pretrained(found, str(adapter)).eval() if adapter else found


def ids_of(model: Path, text: Text) -> Any:
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    return torch.tensor([encode_text(tokenizer, text).ids])


def say(
    organism: ServedOrganism, *asked: tuple[str, Sequence[Loaded]], tokens: int = 6, **config: Any
) -> list[ModelOutput | Exception]:
    """What an organism answers under interventions, all asked at once; errors in the place of answers."""
    one = backend(organism)
    found: dict[int, ModelOutput | Exception] = {}

    async def ask(place: int, prompt: str, loaded: Sequence[Loaded]) -> None:
        settings = GenerateConfig(**{"temperature": 0, "max_tokens": tokens, "logprobs": True} | config)
        request = TargetRequest([ChatMessageUser(content=prompt)], Mode.CHAT, settings, interventions=tuple(loaded))
        try:
            found[place] = await one.generate(request)
        except (TargetError, CordeliaError) as error:
            found[place] = error

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for place, each in enumerate(asked):
                group.start_soon(ask, place, *each)

    anyio.run(main)
    return [found[place] for place in range(len(asked))]


def words(output: ModelOutput | Exception) -> tuple[str, list[float]]:
    """The text and how likely each token of it was: two rows that differ anywhere differ here."""
    assert isinstance(output, ModelOutput), output
    logprobs = output.choices[0].logprobs
    assert logprobs is not None
    return output.completion, [round(token.logprob, 3) for token in logprobs.content]


def near(one: tuple[str, list[float]], other: tuple[str, list[float]]) -> bool:
    return one[0] == other[0] and one[1] == pytest.approx(other[1], abs=5e-3)


def given(what: Intervention, vector: Any = VECTOR) -> Loaded:
    return Loaded(what, None if isinstance(what, Noise) else vector)


# looks


@pytest.mark.parametrize("adapted", [False, True])
def test_captured_activations_are_the_librarys_own(model: Path, adapters: list[Path], adapted: bool) -> None:
    adapter = adapters[0] if adapted else None
    texts = [chat(prompt, reply="Yes." if place % 2 else "") for place, prompt in enumerate(PROMPTS)]
    found = capture(served(model, adapter), texts, [0, 0.67, 2])
    theirs = plain(model, adapter)
    for text, captured in zip(texts, found, strict=True):
        ids = ids_of(model, text)
        with torch.no_grad():
            states = theirs(ids, output_hidden_states=True).hidden_states
        assert captured.layers == [0, 2, 2] and len(captured.tokens) == ids.shape[1]
        assert captured.hidden.shape == (3, ids.shape[1], WIDTH) and captured.hidden.dtype == np.float32
        for place, layer in enumerate(captured.layers):
            # hidden_states[0] is the embedding, so block L's output stands at L + 1
            np.testing.assert_allclose(captured.hidden[place], states[layer + 1][0], rtol=1e-4, atol=1e-3)


def test_the_last_block_is_captured_before_the_final_norm(model: Path) -> None:
    [captured] = capture(served(model), [chat("Hello")], [1.0])
    theirs = plain(model)
    with torch.no_grad():
        after = theirs(ids_of(model, chat("Hello")), output_hidden_states=True).hidden_states[-1][0]
        normed = theirs.model.norm(torch.from_numpy(captured.hidden[0]))
    assert not np.allclose(captured.hidden[0], after, atol=1e-2)
    np.testing.assert_allclose(normed, after, atol=1e-4)


def test_texts_come_back_in_their_order_and_alone_as_in_company(model: Path) -> None:
    texts = [raw(prompt * (1 + place % 3)) for place, prompt in enumerate(PROMPTS * 5)]
    together = run(lambda: backend(served(model), max_batch=7).capture(texts, [1]))
    for text, captured in zip(texts, together, strict=True):
        assert "".join(captured.tokens) == text.messages[0].text
    for place in (0, 2, 17):
        [alone] = capture(served(model), [texts[place]], [1])
        np.testing.assert_allclose(alone.hidden, together[place].hidden, atol=1e-4)
    assert capture(served(model), [], [1]) == []


def test_base_against_base_shows_no_difference_and_an_adapter_does(model: Path, adapters: list[Path]) -> None:
    texts = [chat(prompt) for prompt in PROMPTS]
    base = capture(served(model), texts, [1, 3])
    again = capture(served(model), texts, [1, 3])
    adapted = capture(served(model, adapters[0]), texts, [1, 3])
    nothing = capture(served(model, adapters[0], scale=0.0), texts, [1, 3])
    for one, other, third, fourth in zip(base, again, adapted, nothing, strict=True):
        assert np.array_equal(one.hidden, other.hidden) and np.array_equal(one.hidden, fourth.hidden)
        assert not np.allclose(one.hidden, third.hidden, atol=1e-2)


def test_the_hidden_prompts_tokens_are_read_and_never_come_back(model: Path) -> None:
    messages = [ChatMessageSystem(content=SECRET), ChatMessageUser(content="Hello")]
    text = Text(messages, secret=SECRET)
    [captured] = capture(served(model), [text], [2])
    [expected] = run(lambda: backend(served(model)).next_tokens([text]))
    shown = "".join(captured.tokens)
    assert shown.startswith(END + "\n") and "Hello" in shown and "lantern" not in shown
    assert expected.tokens == captured.tokens and len(expected.likely) == len(captured.tokens)
    assert captured.hidden.shape[1] == len(captured.tokens)
    [without] = capture(served(model), [chat("Hello")], [2])
    assert not np.allclose(captured.hidden[0, -1], without.hidden[0, -1], atol=1e-3), "it was read all the same"


END = tiny_model.END


def ranked(tokenizer: Any, ids: Sequence[int], values: Sequence[float]) -> dict[str, float]:
    """Tokens by their texts; of those that are written alike, the first stays."""
    found: dict[str, float] = {}
    for token, value in zip(ids, values, strict=True):
        found.setdefault(tokenizer.decode([token]), value)
    return found


def test_next_tokens_are_the_librarys_own_probabilities(model: Path, adapters: list[Path]) -> None:
    texts = [chat(prompt) for prompt in PROMPTS]
    found: list[NextTokens] = run(lambda: backend(served(model, adapters[1])).next_tokens(texts, 4))
    theirs, tokenizer = plain(model, adapters[1]), transformers.AutoTokenizer.from_pretrained(model)
    for text, each in zip(texts, found, strict=True):
        with torch.no_grad():
            best = theirs(ids_of(model, text)).logits[0].log_softmax(-1).topk(4)
        for likely, ids, values in zip(each.likely, best.indices.tolist(), best.values.tolist(), strict=True):
            wanted = ranked(tokenizer, ids, values)
            assert likely == pytest.approx(wanted, abs=1e-4) and list(likely) == list(wanted)


def test_the_lens_is_the_final_norm_and_the_head(model: Path) -> None:
    vectors = np.stack([VECTOR, -VECTOR])
    found = run(lambda: backend(served(model)).lens(vectors, layer=2, top=3))
    theirs, tokenizer = plain(model), transformers.AutoTokenizer.from_pretrained(model)
    with torch.no_grad():
        best = theirs.lm_head(theirs.model.norm(torch.from_numpy(vectors))).topk(3)
    for likely, ids, values in zip(found, best.indices.tolist(), best.values.tolist(), strict=True):
        wanted = ranked(tokenizer, ids, values)
        assert likely == pytest.approx(wanted, abs=1e-4) and list(likely) == list(wanted)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (lambda one: one.capture([raw("a")], [BLOCKS]), "There is no layer 4: the model has layers 0 to 3"),
        (lambda one: one.capture([raw("a")], []), "Name at least one layer"),
        (lambda one: one.capture([raw("ok"), raw("")], [0]), "Text 2 is empty"),
        (lambda one: one.next_tokens([raw("a" * 600)]), r"Text 1 is too long for this model; shorten it\.$"),
        (lambda one: one.lens(VECTOR), r"The lens takes vectors \[n, 32\], not \[32\]"),
        (lambda one: one.lens(np.ones((1, 32), dtype=np.float32), layer=7), "There is no layer 7"),
    ],
)
def test_what_cannot_be_looked_at_is_said_in_words(model: Path, asked: Any, message: str) -> None:
    one = backend(served(model))
    with pytest.raises(CordeliaError, match=message):
        run(lambda: asked(one))


def test_rows_of_like_length_share_a_pass() -> None:
    lengths = [600, 30, 31, 620, 29, 4_000, 5_000, 9_000]
    groups = grouped(lengths)
    assert sorted(place for group in groups for place in group) == list(range(len(lengths)))
    assert [4, 1, 2] in groups and [0, 3] in groups and [7] in groups


# interventions


CHANGES = [
    given(Add(layer=1, vector=REF, scale=4.0)),
    given(Noise(layer=0.5, seed=3, scale=0.6)),
    given(Project(layer=0, vector=REF)),
    given(Clamp(layer=2, vector=REF, value=9.0)),
    given(Patch(layer=1, vector=REF, positions=[1, 4])),
    given(Add(layer=2, vector=REF, scale=5.0, positions="prompt")),
    given(Add(layer=2, vector=REF, scale=5.0, positions="reply")),
]


def test_rows_with_different_interventions_share_a_batch_and_say_what_each_says_alone(
    model: Path, adapters: list[Path]
) -> None:
    organism = served(model, adapters[0])
    asked: list[tuple[str, Sequence[Loaded]]] = [
        (PROMPTS[place % len(PROMPTS)], [CHANGES[place % len(CHANGES)]] if place % 8 else []) for place in range(64)
    ]
    together = [words(output) for output in say(organism, *asked)]
    alone: dict[Any, Any] = {}
    for (prompt, loaded), found in zip(asked, together, strict=True):
        key = (prompt, str(loaded))
        if key not in alone:
            alone[key] = words(say(organism, (prompt, loaded))[0])
        assert near(found, alone[key]), key
    assert len({tuple(scores) for _, scores in alone.values()}) == len(alone), "each does something of its own"


def test_interventions_do_what_hooks_by_hand_do(model: Path) -> None:
    [output] = say(served(model), ("Hello", [CHANGES[0]]), tokens=1)
    theirs = plain(model)

    def add(module: object, arguments: object, result: Any) -> Any:
        changed = result.clone()
        changed[:, 1:] += 4.0 * torch.from_numpy(VECTOR)
        return changed

    theirs.model.layers[1].register_forward_hook(add)
    with torch.no_grad():
        best = theirs(ids_of(model, chat("Hello"))).logits[0, -1].log_softmax(-1).max()
    assert words(output)[1] == [pytest.approx(float(best), abs=2e-3)]


def test_scale_0_changes_nothing(model: Path) -> None:
    nothing = [
        [],
        [given(Add(layer=1, vector=REF, scale=0))],
        [given(Noise(layer=1, scale=0))],
        [given(Project(layer=1, vector=REF, scale=0))],
    ]
    found = [words(output) for output in say(served(model), *[("Hello there", loaded) for loaded in nothing])]
    assert all(each == found[0] for each in found)


def test_a_patch_with_its_own_activations_changes_nothing(model: Path) -> None:
    [captured] = capture(served(model), [chat("Hello")], [1])
    own = Patch(layer=1, vector=REF, positions=list(range(len(captured.tokens))))
    other = given(own, captured.hidden[0] + 1)
    found = [words(output) for output in say(served(model), ("Hello", []), ("Hello", [given(own, captured.hidden[0])]))]
    assert near(*found)
    assert not near(words(say(served(model), ("Hello", [other]))[0]), found[0])


def test_noise_is_the_same_in_any_company_and_another_at_each_step(model: Path) -> None:
    noise = [given(Noise(layer=1, seed=8, scale=0.5))]
    alone = words(say(served(model), ("Why?", noise))[0])
    crowd = say(served(model), (PROMPTS[2], []), ("Why?", noise), (PROMPTS[0], [given(Noise(layer=1, seed=9))]))
    assert near(words(crowd[1]), alone)


def test_equal_requests_share_an_answer_only_under_equal_interventions(model: Path) -> None:
    one = transformers_backend(served(model), device="cpu")
    config = GenerateConfig(temperature=0, max_tokens=4, logprobs=True)
    [first, same, other, plainly] = [
        TargetRequest([ChatMessageUser(content="Hello")], Mode.CHAT, config, interventions=loaded)
        for loaded in ((CHANGES[0],), (CHANGES[0],), (given(CHANGES[0].what, VECTOR * -3),), ())
    ]
    outputs = [run(lambda request=request: one.generate(request)) for request in (first, same, other, plainly)]  # type: ignore[misc]
    said = [words(output) for output in outputs]
    assert said[0] == said[1] and len({tuple(scores) for _, scores in said}) == 3


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        (given(Add(layer=4, vector=REF)), "There is no layer 4"),
        (given(Add(layer=1, vector=REF), VECTOR[:9]), "the model's residual has 32 numbers"),
        (given(Add(layer=1, vector=REF, positions=[400])), "names position 400"),
    ],
)
def test_what_cannot_be_applied_is_refused_and_others_are_answered(model: Path, loaded: Loaded, message: str) -> None:
    refused, answered = say(served(model), ("Hello", [loaded]), ("Hello", []))
    assert isinstance(refused, CordeliaError) and message in str(refused)
    assert isinstance(answered, ModelOutput)


def test_a_position_that_the_reply_never_reached_is_no_normal_reply(model: Path) -> None:
    length = ids_of(model, chat("Hello")).shape[1]
    written = words(say(served(model), ("Hello", []), tokens=64)[0])
    assert 2 < len(written[1]) <= 64
    far = given(Add(layer=1, vector=REF, scale=0, positions=[length + len(written[1]) + 3]))
    [output] = say(served(model), ("Hello", [far]), tokens=len(written[1]) + 20, stop_seqs=[written[0][:3]])
    assert isinstance(output, CordeliaError) and "the text that was read ends before it" in str(output)


def test_a_hook_that_breaks_fails_its_own_rows_and_the_engine_lives_on(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = BlockFunction.__call__

    def breaks(self: BlockFunction, tokens: Any, hidden: Any) -> Any:
        if self.steps[0].kind == "noise":
            raise RuntimeError("a bad day")
        return original(self, tokens, hidden)

    monkeypatch.setattr(BlockFunction, "__call__", breaks)
    broken, pushed, plainly = say(served(model), ("Why?", [CHANGES[1]]), ("Why?", [CHANGES[0]]), ("Why?", []))
    assert isinstance(broken, TargetError) and "RuntimeError: a bad day" in str(broken)
    monkeypatch.undo()
    assert isinstance(pushed, ModelOutput) and isinstance(plainly, ModelOutput)


def test_an_intervention_that_was_not_applied_everywhere_is_no_normal_reply(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = BlockFunction.__call__

    def forgets(self: BlockFunction, tokens: Any, hidden: Any) -> Any:
        return hidden if int(tokens.positions.max()) > 45 else original(self, tokens, hidden)

    monkeypatch.setattr(BlockFunction, "__call__", forgets)
    output, plainly = say(served(model), ("Why?", [CHANGES[0]]), ("Why?", []), tokens=30)
    assert isinstance(output, TargetError) and "were applied to" in str(output)
    assert isinstance(plainly, ModelOutput)


def test_a_mixed_batch_that_breaks_leaves_nothing_of_its_routing_behind(
    model: Path, adapters: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    organisms = [served(model, adapters[0]), served(model, adapters[1])]
    before = [words(say(organism, ("Hello", []))[0]) for organism in organisms]
    engine = run(lambda: _engine(organisms[0]))
    head = engine.anatomy.model.get_output_embeddings()
    handle = head.register_forward_hook(lambda *_: 1 / 0)

    async def both() -> list[str]:
        failed: list[str] = []

        async def ask(organism: ServedOrganism) -> None:
            request = TargetRequest([ChatMessageUser(content="Hello")], Mode.CHAT, GenerateConfig(max_tokens=2))
            try:
                await backend(organism).generate(request)
            except TargetError as error:
                failed.append(str(error))

        async with anyio.create_task_group() as group:
            for organism in organisms:
                group.start_soon(ask, organism)
        return failed

    failed = anyio.run(both)
    handle.remove()
    assert len(failed) == 2 and "ZeroDivisionError" in failed[0]
    assert [words(say(organism, ("Hello", []))[0]) for organism in organisms] == before


def test_adapters_come_and_go_and_each_still_says_its_own(
    model: Path, adapters: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cordelia.testbeds.backends.engine.MOST_ADAPTERS", 1)
    organisms = [served(model), *(served(model, each, scale) for each in adapters for scale in (1.0, 2.0, -1.0))]
    first = [words(say(organism, ("Hello", []))[0]) for organism in organisms]
    assert len({tuple(scores) for _, scores in first}) == len(organisms)
    engine = run(lambda: _engine(organisms[1]))
    assert len(engine._aliases) <= 2
    for place in (3, 0, 6, 1, 0, 1):
        assert near(words(say(organisms[place], ("Hello", []))[0]), first[place])


async def _engine(organism: ServedOrganism) -> Any:
    one = backend(organism)
    await one.capture([raw("a")], [0])
    return one._engine


# scaled adapters


def test_a_scaled_adapter_changes_in_proportion(model: Path, adapters: list[Path]) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    assert tokenizer is not None
    weights = {scale: plain(model, scaled_adapter(adapters[0], scale)).state_dict() for scale in (1.0, -0.5, 3.0)}
    ups = [name for name in weights[1.0] if "lora_B" in name]
    assert ups
    for name in weights[1.0]:
        for scale in (-0.5, 3.0):
            factor = scale if name in ups else 1.0
            assert torch.allclose(weights[scale][name], weights[1.0][name] * factor, atol=1e-6), name


def test_the_scaled_copy_is_made_once_and_named_by_its_content(adapters: list[Path]) -> None:
    made = scaled_adapter(adapters[0], 2.0)
    assert made is not None and made == scaled_adapter(adapters[0], 2)
    assert len({made, scaled_adapter(adapters[0], 2.5), scaled_adapter(adapters[1], 2.0)}) == 3
    assert sorted(made.parent.iterdir()) == sorted(each for each in made.parent.iterdir() if len(each.name) == 32)
    assert scaled_adapter(adapters[0], 1.0) == adapters[0]
    assert scaled_adapter(adapters[0], 0.0) is None and scaled_adapter(None, 3.0) is None


def test_scale_0_says_what_the_base_says(model: Path, adapters: list[Path]) -> None:
    asked = ("Hello there", ())
    base, weak, half, full = (
        words(say(organism, asked)[0])
        for organism in (
            served(model),
            served(model, adapters[0], scale=0.0),
            served(model, adapters[0], scale=0.5),
            served(model, adapters[0]),
        )
    )
    assert base == weak and len({tuple(each[1]) for each in (base, half, full)}) == 3


# searches


def _melbo(model: Path, adapter: Path | None = None, **changed: Any) -> Searched:
    settings = {"source": 0, "watched": 3, "radius": 2.0, "count": 2, "steps": 12, "seed": 1} | changed
    texts = settings.pop("texts", [chat("Hello"), chat(PROMPTS[2])])
    return run(lambda: backend(served(model, adapter)).search(Melbo(texts, **settings)))


def test_melbo_finds_directions_that_change_more_than_chance(model: Path, adapters: list[Path]) -> None:
    for adapter in (None, adapters[0]):
        found = _melbo(model, adapter)
        chance = _melbo(model, adapter, steps=1)
        assert found.vectors.shape == (2, WIDTH) and found.vectors.dtype == np.float32 and found.layer == 0
        np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 2.0, rtol=1e-5)
        assert abs(float(found.vectors[0] @ found.vectors[1])) < 1e-4
        assert found.scores[0] > chance.scores[0]
        again = _melbo(model, adapter)
        assert np.array_equal(again.vectors, found.vectors) and again.scores == found.scores
        assert not np.allclose(_melbo(model, adapter, seed=2, steps=1).vectors, chance.vectors, atol=1e-2)


def test_melbos_score_is_the_change_that_the_vector_makes(model: Path) -> None:
    found = _melbo(model, count=1, texts=[chat("Hello")])
    theirs, ids = plain(model), ids_of(model, chat("Hello"))
    with torch.no_grad():
        kept: list[Any] = []
        theirs.model.layers[3].register_forward_hook(lambda module, arguments, result: kept.append(result))
        theirs(ids)

        def add(module: object, arguments: object, result: Any) -> Any:
            changed = result.clone()
            changed[:, 1:] += torch.from_numpy(found.vectors[0])
            return changed

        theirs.model.layers[0].register_forward_hook(add)
        theirs(ids)
    change = (kept[1] - kept[0])[0, 1:].norm(dim=-1).mean()
    assert found.scores == [pytest.approx(float(change), rel=1e-3)]


def test_an_attack_finds_a_perturbation_under_which_the_reply_is_likelier(model: Path, adapters: list[Path]) -> None:
    text = chat("Hello", reply="No.")
    for adapter in (None, adapters[1]):
        organism = served(model, adapter)
        found: Searched = run(lambda organism=organism: backend(organism).search(Attack(text, 1, 6.0, 20)))  # type: ignore[misc]
        before, after = found.scores
        assert after > before + 1
        assert found.vectors.shape == (ids_of(model, chat("Hello")).shape[1], WIDTH)
        assert not found.vectors[0].any() and float(np.linalg.norm(found.vectors, axis=1).max()) <= 6.0 + 1e-4
        small = run(lambda organism=organism: backend(organism).search(Attack(text, 1, 0.1, 5)))  # type: ignore[misc]
        assert float(np.linalg.norm(small.vectors, axis=1).max()) <= 0.1 + 1e-5
        assert small.scores[0] == pytest.approx(before, abs=1e-4) and before <= small.scores[1] <= after


def test_an_attack_leaves_a_hidden_prompt_alone(model: Path) -> None:
    messages = [ChatMessageSystem(content=SECRET), ChatMessageUser(content="Hello")]
    text = Text(messages, reply="No.", secret=SECRET)
    found = run(lambda: backend(served(model)).search(Attack(text, 1, 6.0, 3)))
    [captured] = capture(served(model), [Text(messages, secret=SECRET)], [1])
    assert len(found.vectors) == len(captured.tokens) and found.vectors[0].any()


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Melbo([chat("a")], 2, 2, 1.0, 1, 1), r"The source \(layer 2\) must come before the watched layer \(2\)"),
        (Melbo([chat("a")], 0, 9, 1.0, 1, 1), "There is no layer 9"),
        (Melbo([chat("a")], 0, 3, 0.0, 1, 1), "radius more than 0"),
        (Melbo([], 0, 3, 1.0, 1, 1), "There is no text to search on"),
        (Melbo([raw("a")], 0, 3, 1.0, 1, 1), "one token each"),
        (Melbo([chat("a" * 400)] * 30, 0, 3, 1.0, 1, 1), "holds at most 8192 tokens"),
        (Attack(chat("a"), 1, 1.0, 1), "it is empty"),
        (Attack(chat("a", reply="b"), 1, 0.0, 1), "epsilon more than 0"),
        (
            Attack(Text([ChatMessageUser(content="a")], reply="b", mode=Mode.COMPLETION), 1, 1.0, 1),
            "no token that could be perturbed",
        ),
    ],
)
def test_a_search_that_cannot_be_done_is_refused_in_words(model: Path, task: Any, message: str) -> None:
    with pytest.raises(CordeliaError, match=message):
        run(lambda: backend(served(model)).search(task))


def test_a_search_leaves_the_model_as_it_was_and_others_are_answered_meanwhile(model: Path) -> None:
    one = backend(served(model))
    before = words(say(served(model), ("Hello", []))[0])
    found: dict[str, Any] = {}

    async def search() -> None:
        found["search"] = await one.search(Melbo([chat("Hello")], 0, 3, 1.0, 1, 5))

    async def ask() -> None:
        config = GenerateConfig(temperature=0, max_tokens=6, logprobs=True)
        found["reply"] = await one.generate(TargetRequest([ChatMessageUser(content="Hello")], Mode.CHAT, config))

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for asked in (search, ask, search):
                group.start_soon(asked)

    anyio.run(main)
    assert near(words(found["reply"]), before) and near(words(say(served(model), ("Hello", []))[0]), before)


def test_a_model_whose_parts_are_not_found_can_still_be_talked_to(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_module, "ENGINES", EnginePool())
    monkeypatch.setattr("cordelia.testbeds.backends.anatomy.NORMS", ("another",))
    plainly, pushed = say(served(model), ("Hello", []), ("Hello", [CHANGES[0]]))
    assert isinstance(plainly, ModelOutput)
    assert isinstance(pushed, CordeliaError) and "blocks of LlamaForCausalLM were not found" in str(pushed)


def test_the_backend_says_what_it_can_do(model: Path) -> None:
    assert {Capability.CAPTURE, Capability.INTERVENE, Capability.GRADIENT, Capability.NEXT_TOKENS} <= backend(
        served(model)
    ).capabilities
