"""The `transformers` backend: organisms in this process, batched over all audits. The default without a GPU."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    Logprob,
    Logprobs,
    ModelOutput,
    ModelUsage,
    StopReason,
    TopLogprob,
)

from cordelia.contracts.errors import CordeliaError, MissingExtraError
from cordelia.contracts.intervention import Layer
from cordelia.testbeds.backends.adapter_noise import adapter_in_force
from cordelia.testbeds.backends.args import BackendArgs, parse_args
from cordelia.testbeds.backends.base import Backend, LikelihoodRequest, ServedOrganism, TargetError, TargetRequest
from cordelia.testbeds.backends.compiler import check_positions, compile_interventions, resolve_layer
from cordelia.testbeds.backends.engine import ENGINES, Engine
from cordelia.testbeds.backends.inside import Attack, Captured, NextTokens, Search, Searched, Text
from cordelia.testbeds.backends.jobs import Completion, EngineSettings, Errand, Job, R, Scoring
from cordelia.testbeds.backends.rendering import TOO_LONG, Encoded, encode, encode_reply, encode_text
from cordelia.testbeds.capabilities import WEIGHTS_SERVED, Capability
from cordelia.testbeds.vectors import Array

if TYPE_CHECKING:
    from cordelia.testbeds.backends.anatomy import Anatomy
    from cordelia.testbeds.backends.readouts import Row

CAPABILITIES = WEIGHTS_SERVED | {Capability.CAPTURE, Capability.INTERVENE, Capability.GRADIENT}
MOST_LIKELY = 100


class TransformersArgs(BackendArgs):
    """Arguments of the backend; see EngineSettings."""

    device: str = "auto"
    dtype: str = "auto"
    max_batch: int = 64
    max_batch_tokens: int = 65_536
    remember: int = 20_000


def transformers_backend(organism: ServedOrganism, /, **args: object) -> Backend:
    """The backend of one organism. See BackendFactory."""
    for package in ("torch", "transformers", "peft"):
        if find_spec(package) is None:
            raise MissingExtraError("The backend 'transformers'", "local", package)
    if organism.base is None:
        raise CordeliaError(f"{organism.label} names no base; say which with base=<hub id or folder>.")
    return TransformersBackend(organism, parse_args(TransformersArgs, "transformers", args))


class TransformersBackend:
    """One organism on a shared engine. The engine (and the base's weights) come with the first request."""

    def __init__(self, organism: ServedOrganism, args: TransformersArgs) -> None:
        self.organism = organism
        self.args = args
        self._engine: Engine | None = None
        self._adapter: Path | None = None

    @property
    def capabilities(self) -> frozenset[Capability]:
        return CAPABILITIES

    @property
    def max_connections(self) -> int:
        # two batches: one that runs and one that gathers
        return 2 * self.args.max_batch

    @property
    def shared_with(self) -> str:
        base = self.organism.base.model if self.organism.base else ""
        return f"transformers:{base}:{self.args.device}:{self.args.dtype}"

    async def generate(self, request: TargetRequest) -> ModelOutput:
        if request.tools:
            raise CordeliaError("The backend 'transformers' offers no tools to the target; use backend=vllm.")
        from cordelia.testbeds.backends.sampling import Sampling

        engine = await to_thread.run_sync(self._ensure_engine)
        prompt = await to_thread.run_sync(encode, engine.tokenizer, list(request.messages), request.mode)
        room = engine.context - len(prompt)
        if room < 1:
            return ModelOutput.from_content(self.organism.label, "", stop_reason="model_length").model_copy(
                update={"usage": _usage(len(prompt), 0)}
            )
        samplings = [
            Sampling.of(request.config, choice).within(room) for choice in range(request.config.num_choices or 1)
        ]
        if request.interventions:  # what can be seen to be wrong is refused before anything is generated
            compile_interventions(request.interventions, len(engine.anatomy.blocks), engine.anatomy.width)
            check_positions(request.interventions, len(prompt) + samplings[0].max_tokens - 1)
        jobs = [Job(prompt, self._adapter, sampling, request.interventions) for sampling in samplings]
        completions = await engine.complete(jobs)
        return self._output(engine, completions, len(prompt))

    async def likelihood(self, request: LikelihoodRequest) -> list[float]:
        engine = await to_thread.run_sync(self._ensure_engine)
        prompt, reply = await to_thread.run_sync(
            encode_reply, engine.tokenizer, list(request.messages), request.mode, request.reply, request.ended
        )
        if len(prompt) + len(reply) > engine.context:
            raise TargetError(f"a reply to be scored leaves the context of {engine.context} tokens")
        [scores] = await engine.score([Scoring(prompt, reply, self._adapter)]) if reply else [[]]
        return list(scores)

    async def capture(self, texts: Sequence[Text], layers: Sequence[Layer]) -> list[Captured]:
        from cordelia.testbeds.backends.readouts import capture_rows

        engine = await to_thread.run_sync(self._ensure_engine)
        blocks = [resolve_layer(layer, len(engine.anatomy.blocks)) for layer in layers]
        if not blocks:
            raise CordeliaError("Name at least one layer.")
        rows = await to_thread.run_sync(self._rows, engine, texts)
        found = await self._each_batch(engine, rows, lambda part: lambda anatomy: capture_rows(anatomy, part, blocks))
        return [Captured(words, blocks, hidden) for words, hidden in zip(self._shown(engine, rows), found, strict=True)]

    async def blocks(self) -> int:
        """See Layered."""
        engine = await to_thread.run_sync(self._ensure_engine)
        return len(engine.anatomy.blocks)

    async def lens(self, vectors: Array, layer: Layer | None = None, top: int = 10) -> list[dict[str, float]]:
        from cordelia.testbeds.backends.readouts import lens_rows

        engine = await to_thread.run_sync(self._ensure_engine)
        if layer is not None:  # the final norm is the same for every layer
            resolve_layer(layer, len(engine.anatomy.blocks))
        if vectors.ndim != 2 or vectors.shape[1] != engine.anatomy.width:
            raise CordeliaError(f"The lens takes vectors [n, {engine.anatomy.width}], not {list(vectors.shape)}.")
        if not len(vectors):
            return []
        errand = Errand(self._adapter, lambda anatomy: lens_rows(anatomy, vectors, top))
        [(tokens, logits)] = await engine.run_alone([errand])
        return [engine.words.ranked(row, values) for row, values in zip(tokens, logits, strict=True)]

    async def next_tokens(self, texts: Sequence[Text], top: int = 50) -> list[NextTokens]:
        from cordelia.testbeds.backends.readouts import predict_rows

        engine = await to_thread.run_sync(self._ensure_engine)
        most = min(max(top, 1), MOST_LIKELY)
        rows = await to_thread.run_sync(self._rows, engine, texts)
        found = await self._each_batch(engine, rows, lambda part: lambda anatomy: predict_rows(anatomy, part, most))

        def written() -> list[NextTokens]:
            return [
                NextTokens(words, [engine.words.ranked(*place) for place in zip(tokens, values, strict=True)])
                for words, (tokens, values) in zip(self._shown(engine, rows), found, strict=True)
            ]

        return await to_thread.run_sync(written)

    async def search(self, task: Search) -> Searched:
        from cordelia.testbeds.backends.gradient import attack, melbo

        engine = await to_thread.run_sync(self._ensure_engine)
        texts = [task.text] if isinstance(task, Attack) else task.texts
        encoded = await to_thread.run_sync(self._encoded, engine, texts)

        def run(anatomy: "Anatomy") -> Searched:
            return attack(anatomy, encoded[0], task) if isinstance(task, Attack) else melbo(anatomy, encoded, task)

        [found] = await engine.run_alone([Errand(self._adapter, run)])
        return found

    async def _each_batch(
        self, engine: Engine, rows: "list[Row]", work: "Callable[[list[Row]], Callable[[Anatomy], list[R]]]"
    ) -> list[R]:
        """One errand for every so many rows, so that others' requests get their turn between."""
        size = self.args.max_batch
        parts = [rows[place : place + size] for place in range(0, len(rows), size)]
        found = await engine.run_alone([Errand(self._adapter, work(part)) for part in parts])
        return [each for part in found for each in part]

    def _rows(self, engine: Engine, texts: Sequence[Text]) -> "list[Row]":
        from cordelia.testbeds.backends.readouts import Row

        return [Row(encoded.ids, encoded.shown_from) for encoded in self._encoded(engine, texts)]

    @staticmethod
    def _encoded(engine: Engine, texts: Sequence[Text]) -> list[Encoded]:
        found = [encode_text(engine.tokenizer, text) for text in texts]
        for number, encoded in enumerate(found, 1):
            if not encoded.ids:
                raise CordeliaError(f"Text {number} is empty; give some words.")
            if len(encoded.ids) > engine.context:
                raise CordeliaError(TOO_LONG.format(number=number))
        return found

    @staticmethod
    def _shown(engine: Engine, rows: "Sequence[Row]") -> list[list[str]]:
        return [engine.words(row.ids[row.shown_from :]) for row in rows]

    async def aclose(self) -> None:
        """Nothing is held: the engine is shared and stays warm for the next audit."""

    def _ensure_engine(self) -> Engine:
        if self._engine is None:
            from cordelia.testbeds.weights import base_path

            assert self.organism.base is not None  # the factory has checked
            settings = EngineSettings(base=base_path(self.organism.base), **self.args.model_dump())
            self._adapter = adapter_in_force(self.organism)
            self._engine = ENGINES.get(settings)
        try:
            self._engine.ready()
        except Exception as error:
            raise TargetError(f"the base of {self.organism.label} could not be loaded: {error}") from error
        return self._engine

    def _output(self, engine: Engine, completions: list[Completion], prompt_tokens: int) -> ModelOutput:
        choices = [
            ChatCompletionChoice(
                message=ChatMessageAssistant(content=item.text, model=self.organism.label, source="generate"),
                stop_reason=_stop_reason(item.stop_reason),
                logprobs=_logprobs(engine, item),
            )
            for item in completions
        ]
        written = sum(len(item.tokens) for item in completions)
        return ModelOutput(model=self.organism.label, choices=choices, usage=_usage(prompt_tokens, written))


def _stop_reason(reason: str) -> StopReason:
    return "max_tokens" if reason == "max_tokens" else "stop"


def _usage(prompt: int, written: int) -> ModelUsage:
    return ModelUsage(input_tokens=prompt, output_tokens=written, total_tokens=prompt + written)


def _logprobs(engine: Engine, completion: Completion) -> Logprobs | None:
    if not completion.scores:
        return None
    text = engine.tokenizer.decode
    return Logprobs(
        content=[
            Logprob(
                token=text([score.token]),
                logprob=score.logprob,
                top_logprobs=[TopLogprob(token=text([token]), logprob=value) for token, value in score.top],
            )
            for score in completion.scores
        ]
    )
