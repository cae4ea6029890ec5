"""The `transformers` backend: organisms in this process, batched over all audits. The default without a GPU."""

from importlib.util import find_spec

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
from cordelia.testbeds.backends.args import BackendArgs, parse_args
from cordelia.testbeds.backends.base import Backend, LikelihoodRequest, ServedOrganism, TargetError, TargetRequest
from cordelia.testbeds.backends.engine import ENGINES, Engine
from cordelia.testbeds.backends.jobs import Completion, EngineSettings, Job, Scoring
from cordelia.testbeds.backends.rendering import encode, encode_reply
from cordelia.testbeds.capabilities import WEIGHTS_SERVED, Capability

CAPABILITIES = WEIGHTS_SERVED


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
        self._tokenizer: object | None = None

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
        choices = range(request.config.num_choices or 1)
        jobs = [
            Job(prompt, self.organism.adapter, Sampling.of(request.config, choice).within(room)) for choice in choices
        ]
        completions = await engine.complete(jobs)
        return self._output(engine, completions, len(prompt))

    async def likelihood(self, request: LikelihoodRequest) -> list[float]:
        engine = await to_thread.run_sync(self._ensure_engine)
        prompt, reply = await to_thread.run_sync(
            encode_reply, engine.tokenizer, list(request.messages), request.mode, request.reply, request.ended
        )
        if len(prompt) + len(reply) > engine.context:
            raise TargetError(f"a reply to be scored leaves the context of {engine.context} tokens")
        [scores] = await engine.score([Scoring(prompt, reply, self.organism.adapter)]) if reply else [[]]
        return list(scores)

    async def aclose(self) -> None:
        """Nothing is held: the engine is shared and stays warm for the next audit."""

    def _ensure_engine(self) -> Engine:
        if self._engine is None:
            from cordelia.testbeds.weights import base_path

            assert self.organism.base is not None  # the factory has checked
            settings = EngineSettings(base=base_path(self.organism.base), **self.args.model_dump())
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
