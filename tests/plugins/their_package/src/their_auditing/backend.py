"""Serves that model."""

from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput, ModelUsage

from cordelia import (
    Backend,
    Capability,
    CordeliaError,
    LikelihoodRequest,
    ServedOrganism,
    TargetError,
    TargetRequest,
)
from their_auditing.model import reply


def their_backend(organism: ServedOrganism, /, **args: object) -> Backend:
    """Makes the backend of one organism."""
    if args:
        raise CordeliaError(f"their_backend has no argument '{next(iter(args))}'.")
    if organism.adapter is not None:
        raise CordeliaError(f"{organism.label} has an adapter; their_backend serves system prompts.")
    return TheirBackend(organism)


class TheirBackend:
    """One organism, or its base, on their model."""

    def __init__(self, organism: ServedOrganism) -> None:
        self.organism = organism

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({Capability.CHAT, Capability.REFERENCE})

    @property
    def max_connections(self) -> int:
        return 8

    @property
    def shared_with(self) -> str:
        return "their_backend"

    async def generate(self, request: TargetRequest) -> ModelOutput:
        system = "\n".join(message.text for message in request.messages if message.role == "system")
        text = reply(system, request.messages[-1].text)
        read, written = sum(len(message.text) for message in request.messages), len(text)
        return ModelOutput(
            model=self.organism.label,
            choices=[ChatCompletionChoice(message=ChatMessageAssistant(content=text), stop_reason="stop")]
            * (request.config.num_choices or 1),
            usage=ModelUsage(input_tokens=read, output_tokens=written, total_tokens=read + written),
        )

    async def likelihood(self, request: LikelihoodRequest) -> list[float]:
        raise TargetError(f"their model gives no likelihoods ({self.organism.label})")

    async def aclose(self) -> None:
        pass
