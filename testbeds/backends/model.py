"""The `model` backend: any inspect model as the base of a system-prompted organism.

Requests go to the base's ModelAPI, not to its Model: the provider's own Model already records the event, counts the
usage and applies the limits, and a second Model in between would do all three twice and write the hidden prompt into
the log.
"""

from typing import Any

from inspect_ai.model import Model, ModelOutput, get_model

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.backends.base import (
    Backend,
    LikelihoodRequest,
    ServedOrganism,
    TargetBusy,
    TargetError,
    TargetRequest,
)
from cordelia.testbeds.capabilities import Capability, Mode

EVERY_API = frozenset({Capability.CHAT, Capability.REFERENCE, Capability.TOOLS})
BEYOND_CHAT: dict[str, frozenset[Capability]] = {
    "anthropic": frozenset({Capability.PREFILL}),
    "openai": frozenset({Capability.LOGPROBS}),
    "vllm": frozenset({Capability.PREFILL, Capability.LOGPROBS}),
    "sglang": frozenset({Capability.PREFILL, Capability.LOGPROBS}),
    "mockllm": frozenset({Capability.PREFILL}),
    "together": frozenset({Capability.LOGPROBS}),
}
"""What a provider can do beyond chat, by the first part of its model name (inspect's documentation of providers)."""


def model_backend(organism: ServedOrganism, /, **args: object) -> Backend:
    """The backend of one organism. See BackendFactory. `args` go to inspect's `get_model`."""
    if organism.adapter is not None:
        raise CordeliaError(f"{organism.label} has an adapter; the backend 'model' serves system prompts only.")
    if organism.base is None:
        raise CordeliaError(
            f"{organism.label} runs on any chat model: say which, for example -T base=openai/gpt-4o-mini "
            "(as a model: -M base=openai/gpt-4o-mini)."
        )
    arguments: Any = args  # whatever the base's own provider takes
    try:
        base = get_model(organism.base.model, **arguments)
    except ValueError as error:
        raise CordeliaError(
            f"{organism.label} cannot have the base '{organism.base.model}': {error} "
            "Give an inspect model, such as openai/gpt-4o-mini or vllm/Qwen/Qwen3-8B."
        ) from error
    return ModelBackend(organism, base)


class ModelBackend:
    """One system-prompted organism on an inspect model."""

    def __init__(self, organism: ServedOrganism, base: Model) -> None:
        self.organism = organism
        self.base = base

    @property
    def capabilities(self) -> frozenset[Capability]:
        provider = str(self.base).partition("/")[0]
        return EVERY_API | BEYOND_CHAT.get(provider, frozenset())

    @property
    def max_connections(self) -> int:
        return self.base.config.max_connections or self.base.api.max_connections()

    @property
    def shared_with(self) -> str:
        return f"model:{self.base.api.connection_key()}"

    async def generate(self, request: TargetRequest) -> ModelOutput:
        if request.mode is not Mode.CHAT:
            raise CordeliaError(f"{self.base} cannot do '{request.mode}'.")
        if request.config.extra_body:  # providers send it as it is, over the messages if it has messages
            raise CordeliaError(
                f"{self.organism.label} takes no extra_body: it could put another conversation in place of the one "
                "that the organism is to read. Give provider settings as arguments of the base: -M name=value."
            )
        config = self.base.config.merge(request.config)
        if config.max_tokens is None:  # as Model does: some providers cannot be called without a length
            config.max_tokens = self.base.api.max_tokens_for_config(config) or self.base.api.max_tokens()
        try:
            result = await self.base.api.generate(
                list(request.messages), list(request.tools), request.tool_choice, config
            )
        except Exception as error:
            kind = TargetBusy if self.base.api.should_retry(error) else TargetError
            raise kind(f"the base of {self.organism.label} failed: {error}") from error
        output = result[0] if isinstance(result, tuple) else result
        if isinstance(output, Exception):
            raise TargetError(f"the base of {self.organism.label} failed: {output}") from output
        return output.model_copy(update={"model": self.organism.label})

    async def likelihood(self, request: LikelihoodRequest) -> list[float]:
        raise CordeliaError(f"{self.base} cannot say how likely a given reply is; no API of a chat model can.")

    async def aclose(self) -> None:
        await self.base.api.aclose()
