"""The in-process engine: who waits together, what is generated once, and what one failure costs the others."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, GenerateConfig, ModelOutput

pytest.importorskip("torch")
pytest.importorskip("transformers")

from cordelia.testbeds.backends.base import LikelihoodRequest, TargetError, TargetRequest
from cordelia.testbeds.backends.engine import Engine, EnginePool
from cordelia.testbeds.backends.jobs import Completion, EngineSettings, Job, Scoring
from cordelia.testbeds.backends.sampling import Sampling
from cordelia.testbeds.backends.transformers import transformers_backend
from cordelia.testbeds.backends.vllm import wire
from cordelia.testbeds.capabilities import Mode
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.organism import reference_of, serve
from cordelia.testbeds.weights import base_path

GREEDY = Sampling(temperature=0, max_tokens=4)
RANDOM = Sampling(max_tokens=4)
BAD = 666


class StubEngine(Engine):
    """The real queue, batches and memory over a model that says its batch's number and the adapter's name.

    A batch that holds a prompt with BAD breaks. With `hold`, each batch begins only when the test lets it.
    """

    def __init__(self, hold: bool = False, **settings: Any) -> None:
        super().__init__(EngineSettings(base="stub", **settings))
        self.batches: list[list[Job]] = []
        self.scored: list[list[Scoring]] = []
        self.begun = threading.Semaphore(0)
        self.released = threading.Semaphore(0)
        self.hold = hold

    def _load(self) -> None:
        raise AssertionError("a stub has nothing to load")

    def _generate(self, batch: list[Job]) -> None:
        self.batches.append(batch)
        self.begun.release()
        if self.hold:
            assert self.released.acquire(timeout=20)
        if any(BAD in job.prompt for job in batch):
            raise RuntimeError("out of memory")
        for job in batch:
            text = f"{job.adapter or 'base'} in batch {len(self.batches)}"
            job.future.set_result(Completion(tokens=[], text=text, stop_reason="stop"))

    def _score(self, batch: list[Scoring]) -> None:
        self.scored.append(batch)
        if any(BAD in job.prompt for job in batch):
            raise RuntimeError("out of memory")
        for job in batch:
            job.future.set_result([-float(token) for token in job.reply])

    @property
    def sizes(self) -> list[int]:
        return [len(batch) for batch in self.batches]

    def ask(self, *jobs: Job) -> list[str]:
        """Each job's text, on an event loop of its own."""
        return [completion.text for completion in anyio.run(self.complete, jobs)]


def job(*prompt: int, adapter: str | None = None, sampling: Sampling = GREEDY) -> Job:
    return Job(list(prompt), Path(adapter) if adapter else None, sampling)


# what ends a reply


def test_replies_end_where_they_do_on_a_vllm_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose generation settings name the end of text alone: its turns end all the same."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    class Toy:
        """A tokenizer whose end of text is 0 and whose template ends turns with 9, and a model that names 0."""

        eos_token_id, chat_template, added_tokens_decoder = 0, "yes", {9: "<end>"}
        config, generation_config = object(), GenerationConfig(eos_token_id=0)

        def apply_chat_template(self, turns: list[dict[str, str]], **_: object) -> str:
            return "".join(f"{turn['content']}<end>" for turn in turns)

        def encode(self, text: str, **_: object) -> list[int]:
            return [9] if text.startswith("<end>") else [5]

        def decode(self, tokens: list[int], **_: object) -> str:
            return " ".join(map(str, tokens))

        def to(self, device: object) -> "Toy":
            return self

        def eval(self) -> None: ...

    for auto in (AutoTokenizer, AutoModelForCausalLM):
        monkeypatch.setattr(auto, "from_pretrained", lambda *given, **settings: Toy())
    monkeypatch.setattr(GenerationConfig, "from_pretrained", lambda *given: Toy.generation_config)
    monkeypatch.setattr("cordelia.testbeds.backends.engine.TokenTexts", lambda tokenizer: None)
    engine = Engine(EngineSettings(base="toy", device="cpu"))
    engine.ready()
    wire.load_tokenizer.cache_clear()
    wire.end_tokens.cache_clear()
    assert engine.ends == set(wire.end_tokens("toy")) == {0, 9}
    completion = engine._completion([5, 6, 9, 7], Sampling(max_tokens=4), [])
    assert (completion.text, completion.stop_reason) == ("5 6", "stop")


# who shares a batch


def test_what_waits_goes_into_one_batch_whatever_the_adapter() -> None:
    engine = StubEngine()
    texts = engine.ask(job(1), job(2, adapter="wren"), job(3, adapter="heron"), job(4, sampling=RANDOM))
    assert engine.sizes == [4]
    assert texts == ["base in batch 1", "wren in batch 1", "heron in batch 1", "base in batch 1"]


def test_a_batch_has_at_most_so_many_rows() -> None:
    engine = StubEngine(max_batch=2)
    assert len(engine.ask(*[job(i) for i in range(5)])) == 5
    assert engine.sizes == [2, 2, 1]


def test_a_batch_has_at_most_so_many_tokens_and_nobody_is_lost() -> None:
    # rows × the longest row: 6 tokens of prompt and 4 to write are 10
    engine = StubEngine(max_batch_tokens=20)
    prompts = [[i] * 6 for i in range(3)] + [[9] * 60] + [[10 + i] * 6 for i in range(2)]
    assert len(engine.ask(*[job(*prompt) for prompt in prompts])) == 6
    assert engine.sizes == [2, 1, 1, 2]
    assert [row.prompt for batch in engine.batches for row in batch] == prompts


def test_sixty_four_audits_at_once() -> None:
    engine = StubEngine(hold=True)
    answers: dict[int, str] = {}

    async def audit(number: int) -> None:
        [completion] = await engine.complete([job(number, sampling=RANDOM)])
        answers[number] = completion.text

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(audit, 0)
            await anyio.to_thread.run_sync(engine.begun.acquire)
            for number in range(1, 65):
                group.start_soon(audit, number)
            await anyio.wait_all_tasks_blocked()
            engine.released.release(2)

    anyio.run(main)
    assert engine.sizes == [1, 64], "what arrived during the first batch shares the second"
    assert sorted(answers) == list(range(65))


# what is generated once


def test_what_must_be_equal_is_generated_once() -> None:
    engine = StubEngine()
    seeded = Sampling(max_tokens=4, seed=7)
    first = engine.ask(job(1), job(1), job(1, sampling=seeded), job(1, sampling=seeded))
    again = engine.ask(job(1), job(1, sampling=seeded))
    assert engine.sizes == [2]
    assert first == ["base in batch 1"] * 4 and again == ["base in batch 1"] * 2


@pytest.mark.parametrize(
    "other",
    [
        job(2),
        job(1, 1),
        job(1, adapter="wren"),
        job(1, sampling=replace(GREEDY, max_tokens=5)),
        job(1, sampling=replace(GREEDY, stops=("x",))),
        job(1, sampling=replace(GREEDY, seed=3)),
        job(1, sampling=replace(GREEDY, logprobs=0)),
        job(1, sampling=RANDOM),
    ],
)
def test_what_may_differ_is_generated_anew(other: Job) -> None:
    engine = StubEngine()
    engine.ask(job(1))
    engine.ask(other)
    assert engine.sizes == [1, 1]


def test_adapters_never_share_an_answer() -> None:
    engine = StubEngine()
    names = ["wren", "heron", None]
    texts = engine.ask(*[job(1, adapter=name) for name in names * 2])
    assert engine.sizes == [3]
    assert [text.split()[0] for text in texts] == ["wren", "heron", "base"] * 2


def test_random_draws_are_never_shared() -> None:
    engine = StubEngine()
    engine.ask(job(1, sampling=RANDOM), job(1, sampling=RANDOM))
    engine.ask(job(1, sampling=RANDOM))
    assert engine.sizes == [2, 1]


def test_memory_has_a_size() -> None:
    engine = StubEngine(remember=1)
    for number in (1, 1, 2, 1):
        engine.ask(job(number))
    assert engine.sizes == [1, 1, 1]
    forgetful = StubEngine(remember=0)
    for _ in range(2):
        forgetful.ask(job(1))
    assert forgetful.sizes == [1, 1]


# what fails


def test_a_batch_that_breaks_fails_its_own_jobs_only() -> None:
    engine = StubEngine(max_batch=2)
    failed: list[int] = []
    answered: list[int] = []

    async def audit(number: int) -> None:
        try:
            await engine.complete([job(number)])
            answered.append(number)
        except TargetError as error:
            assert "the in-process engine failed: RuntimeError: out of memory" in str(error)
            failed.append(number)

    async def main() -> None:
        engine._jobs.put(job(1))  # the batches are then known: (1, 2), (BAD, 4), (5,)
        async with anyio.create_task_group() as group:
            for number in (2, BAD, 4, 5):
                group.start_soon(audit, number)

    anyio.run(main)
    assert sorted(failed) == [4, BAD]
    assert sorted(answered) == [2, 5]


def test_a_failure_is_not_remembered() -> None:
    engine = StubEngine()
    for _ in range(2):
        with pytest.raises(TargetError):
            engine.ask(job(BAD))
    assert engine.sizes == [1, 1], "it was tried again"
    assert engine.ask(job(1)) == ["base in batch 3"]


# likelihoods


def test_likelihoods_wait_in_the_same_queue_and_are_no_part_of_a_generation() -> None:
    engine = StubEngine()
    found: dict[str, Any] = {}

    async def score() -> None:
        found["scores"] = await engine.score([Scoring([1], [2, 3], None), Scoring([1], [4], Path("wren"))])

    async def generate() -> None:
        found["texts"] = [item.text for item in await engine.complete([job(1), job(2)])]

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(score)
            group.start_soon(generate)

    anyio.run(main)
    assert found["scores"] == [[-2.0, -3.0], [-4.0]]
    assert found["texts"] == ["base in batch 1", "base in batch 1"]
    assert [len(batch) for batch in engine.scored] == [2]


def test_an_equal_likelihood_is_worked_out_once_and_never_taken_for_another() -> None:
    engine = StubEngine()

    def ask(*jobs: Scoring) -> list[list[float]]:
        return anyio.run(engine.score, jobs)

    ask(Scoring([1], [2], None), Scoring([1], [2], None))
    assert ask(Scoring([1], [2], None)) == [[-2.0]]
    ask(Scoring([1], [2], Path("wren")), Scoring([1, 2], [2], None), Scoring([1], [2, 2], None))
    assert [len(batch) for batch in engine.scored] == [1, 3]


def test_a_scoring_that_breaks_leaves_generations_alone() -> None:
    engine = StubEngine()
    with pytest.raises(TargetError, match="out of memory"):
        anyio.run(engine.score, [Scoring([BAD], [2], None)])
    assert engine.ask(job(1)) == ["base in batch 1"]


# event loops and cancelling


def test_event_loops_may_follow_one_another() -> None:
    engine = StubEngine()
    assert engine.ask(job(1)) == ["base in batch 1"]
    assert engine.ask(job(1), job(2)) == ["base in batch 1", "base in batch 2"]


def test_two_event_loops_at_once_share_the_engine() -> None:
    engine = StubEngine(hold=True)
    found: list[list[str]] = []
    threads = [threading.Thread(target=lambda: found.append(engine.ask(job(1)))) for _ in range(2)]
    for thread in threads:
        thread.start()
    engine.released.release(2)
    for thread in threads:
        thread.join(timeout=20)
    assert found == [["base in batch 1"]] * 2


def test_an_answer_that_nobody_waits_for_any_more_does_no_harm() -> None:
    engine = StubEngine(hold=True)

    async def give_up() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(engine.complete, [job(1)])
            await anyio.to_thread.run_sync(engine.begun.acquire)
            group.cancel_scope.cancel()

    anyio.run(give_up)
    engine.released.release(2)
    assert engine.ask(job(1), job(2)) == ["base in batch 1", "base in batch 2"]


def test_what_is_cancelled_in_the_queue_is_not_generated_unless_others_may_want_it() -> None:
    engine = StubEngine(hold=True)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(engine.complete, [job(1)])
            await anyio.to_thread.run_sync(engine.begun.acquire)
            async with anyio.create_task_group() as cancelled:
                cancelled.start_soon(engine.complete, [job(2, sampling=RANDOM), job(3)])
                await anyio.wait_all_tasks_blocked()
                cancelled.cancel_scope.cancel()
            engine.released.release(2)
            [shared] = await engine.complete([job(3)])
            assert shared.text == "base in batch 2"

    anyio.run(main)
    assert [[row.prompt for row in batch] for batch in engine.batches] == [[[1]], [[3]]]


def test_engines_are_shared_by_settings() -> None:
    pool = EnginePool()
    one = pool.get(EngineSettings(base="a"))
    assert pool.get(EngineSettings(base="a")) is one
    assert pool.get(EngineSettings(base="b")) is not one
    assert pool.get(EngineSettings(base="a", max_batch=1)) is not one


# the real base

BED = load_testbed("pocket")
weights = pytest.mark.weights
slow = pytest.mark.slow


@pytest.fixture(scope="module")
def loaded() -> Engine:
    engine = Engine(EngineSettings(base=base_path(BED.spec.bases["smol"]), device="cpu"))
    engine.ready()
    return engine


@pytest.fixture
def real(loaded: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The loaded engine with an empty memory, in the place of every engine."""
    loaded._known.clear()
    monkeypatch.setattr("cordelia.testbeds.backends.transformers.ENGINES.get", lambda settings: loaded)
    yield loaded


@pytest.fixture
def rows(real: Engine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each batch had that was generated."""
    counted: list[int] = []
    original = real._generate

    def counting(batch: list[Job]) -> None:
        counted.append(len(batch))
        original(batch)

    monkeypatch.setattr(real, "_generate", counting)
    return counted


def answers(*requests: tuple[str | None, str, GenerateConfig], prefill: str = "") -> list[ModelOutput]:
    """The outputs of organisms (None is the base), all asked at once."""
    outputs: dict[int, ModelOutput] = {}

    async def ask(position: int, organism: str | None, text: str, config: GenerateConfig) -> None:
        served = serve(BED, organism) if organism else reference_of(serve(BED, "finch"))
        messages = [ChatMessageUser(content=text), *([ChatMessageAssistant(content=prefill)] if prefill else [])]
        backend = transformers_backend(served, device="cpu")
        outputs[position] = await backend.generate(TargetRequest(messages, Mode.CHAT, config))

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for position, request in enumerate(requests):
                group.start_soon(ask, position, *request)

    anyio.run(main)
    return [outputs[position] for position in range(len(requests))]


def texts(outputs: Sequence[ModelOutput]) -> list[str]:
    return [output.completion for output in outputs]


SOUP, SKY = "How do I make soup?", "Why is the sky blue at noon on a clear day?"
CONFIG = GenerateConfig(temperature=0, max_tokens=12)


@weights
@slow
def test_a_mixed_batch_says_what_each_says_alone(real: Engine, rows: list[int]) -> None:
    requests = [(None, SKY, CONFIG), ("wren", SOUP, CONFIG), ("siskin", SOUP, CONFIG), ("finch", SOUP, CONFIG)]
    mixed = texts(answers(*requests))
    assert rows == [4]
    real._known.clear()
    alone = [texts(answers(request))[0] for request in requests]
    assert rows == [4, 1, 1, 1, 1]
    assert mixed == alone
    assert len(set(mixed)) == 4, "each model answers in its own way"
    assert texts(answers((None, SOUP, CONFIG))) == [alone[3]], "a control is its base, so they share"
    assert rows == [4, 1, 1, 1, 1]


@weights
@slow
def test_why_it_stopped(real: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    cut, short, named = answers(
        (None, SKY, GenerateConfig(temperature=0, max_tokens=3)),
        (None, "What is 1 + 1? Reply with one number only.", GenerateConfig(temperature=0, max_tokens=12)),
        (None, SKY, GenerateConfig(temperature=0, max_tokens=12, stop_seqs=["blue"])),
    )
    assert (cut.stop_reason, cut.usage and cut.usage.output_tokens) == ("max_tokens", 3)
    assert (short.stop_reason, bool(short.completion)) == ("stop", True)
    assert short.usage and short.usage.output_tokens < 12
    assert named.stop_reason == "stop"
    assert named.completion.startswith(cut.completion[:3]) and "blue" not in named.completion
    monkeypatch.setattr(real, "context", 5)
    [full] = answers((None, SKY, CONFIG))
    assert (full.stop_reason, full.completion) == ("model_length", "")
    assert full.usage and full.usage.input_tokens > 5 and full.usage.output_tokens == 0


@weights
@slow
def test_a_reply_stays_within_the_context(real: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    [first] = answers((None, SKY, GenerateConfig(temperature=0, max_tokens=1)))
    assert first.usage
    monkeypatch.setattr(real, "context", first.usage.input_tokens + 2)
    [tight] = answers((None, SKY, CONFIG))
    assert tight.usage and tight.usage.output_tokens == 2


@weights
@slow
def test_choices_are_drawn_apart_and_a_seed_repeats_them(real: Engine, rows: list[int]) -> None:
    config = GenerateConfig(temperature=1, max_tokens=6, num_choices=4, seed=3)
    [output] = answers((None, SKY, config))
    drawn = [choice.message.text for choice in output.choices]
    assert rows == [4] and len(set(drawn)) == 4
    real._known.clear()
    [again] = answers((None, SKY, config))
    assert [choice.message.text for choice in again.choices] == drawn
    assert output.usage and output.usage.output_tokens <= 4 * 6


@weights
@slow
@pytest.mark.usefixtures("real")
def test_a_prefill_is_continued_and_logprobs_are_of_the_written_tokens() -> None:
    config = GenerateConfig(temperature=0, max_tokens=3, logprobs=True, top_logprobs=2)
    [output] = answers((None, "What is the capital of France?", config), prefill="The capital of France is")
    assert "Paris" in output.completion and "capital" not in output.completion
    scored = output.choices[0].logprobs
    assert scored is not None
    assert "".join(item.token for item in scored.content) == output.completion
    for item in scored.content:
        assert item.top_logprobs and len(item.top_logprobs) == 2
        assert item.logprob == item.top_logprobs[0].logprob <= 0, "greedy takes the likeliest"


def likelihoods(*requests: tuple[str | None, str, str, bool]) -> list[list[float]]:
    """How likely replies are to organisms (None is the base): organism, prompt, reply, ended; all asked at once."""
    found: dict[int, list[float]] = {}

    async def ask(position: int, organism: str | None, text: str, reply: str, ended: bool) -> None:
        served = serve(BED, organism) if organism else reference_of(serve(BED, "finch"))
        request = LikelihoodRequest([ChatMessageUser(content=text)], reply, ended=ended)
        found[position] = await transformers_backend(served, device="cpu").likelihood(request)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for position, request in enumerate(requests):
                group.start_soon(ask, position, *request)

    anyio.run(main)
    return [found[position] for position in range(len(requests))]


@weights
@slow
@pytest.mark.usefixtures("real")
def test_a_likelihood_is_what_the_model_said_when_it_wrote() -> None:
    """The base and two adapters in one batch, each asked about its own words and those of the others."""
    config = GenerateConfig(temperature=0, max_tokens=12, logprobs=True)
    names = (None, "wren", "siskin")
    written = answers(*[(name, SOUP, config) for name in names])
    pairs = [(name, output.completion) for name in names for output in written]
    found = likelihoods(*[(name, SOUP, text, False) for name, text in pairs])
    for place, (name, output) in enumerate(zip(names, written, strict=True)):
        own = found[place * len(names) + place]
        assert output.choices[0].logprobs is not None
        assert own == pytest.approx([token.logprob for token in output.choices[0].logprobs.content], abs=1e-3)
        others = [found[other * len(names) + place] for other in range(len(names)) if other != place]
        assert all(scores != pytest.approx(own, abs=1e-2) for scores in others), f"{name} is weighed like another"


@weights
@slow
def test_the_end_of_a_turn_is_a_token_of_its_own(real: Engine) -> None:
    open_, ended, empty = likelihoods((None, SKY, "Yes.", False), (None, SKY, "Yes.", True), (None, SKY, "", False))
    assert len(ended) == len(open_) + 1
    assert ended[:-1] == pytest.approx(open_, abs=1e-4)
    assert empty == []
    assert all(score <= 0 for score in ended)
    long = "word " * (real.context + 1)
    with pytest.RaisesGroup(pytest.RaisesExc(TargetError, match="leaves the context")):
        likelihoods((None, SKY, long, False))


@weights
@slow
@pytest.mark.usefixtures("real")
def test_an_adapter_that_cannot_be_loaded_is_the_targets_failure_and_the_engine_lives(tmp_path: Path) -> None:
    broken = replace(serve(BED, "wren"), adapter=tmp_path)
    request = TargetRequest([ChatMessageUser(content=SOUP)], Mode.CHAT, CONFIG)
    with pytest.raises(TargetError, match="the in-process engine failed"):
        anyio.run(transformers_backend(broken, device="cpu").generate, request)
    assert texts(answers((None, SOUP, CONFIG)))[0]


@slow
def test_a_base_that_cannot_be_loaded_is_the_targets_failure(tmp_path: Path) -> None:
    served = serve(BED, "finch", base=str(tmp_path))
    request = TargetRequest([ChatMessageUser(content=SOUP)], Mode.CHAT, CONFIG)
    with pytest.raises(TargetError, match="the base of pocket/finch could not be loaded"):
        anyio.run(transformers_backend(served, device="cpu").generate, request)
