"""What costs nothing: a target that answers at once, and tools for the agents that are timed."""

from inspect_ai.model import ChatMessageUser, ModelOutput, ModelUsage, get_model
from inspect_ai.tool import Tool, tool

from cordelia.testbeds.backends.base import Backend, LikelihoodRequest, ServedOrganism, TargetRequest
from cordelia.testbeds.capabilities import Capability

REPLY = "I like to talk about the weather, about food, and about what people do on a Sunday afternoon."


def free_backend(organism: ServedOrganism, /, **args: object) -> Backend:
    """The backend of one organism. See BackendFactory."""
    return FreeBackend(organism.label)


class FreeBackend:
    """A target that says the same thing at once."""

    def __init__(self, label: str) -> None:
        self.label = label

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset(Capability)

    @property
    def max_connections(self) -> int:
        return 64

    @property
    def shared_with(self) -> str:
        return "free"

    async def generate(self, request: TargetRequest) -> ModelOutput:
        return _reply(self.label)

    async def likelihood(self, request: LikelihoodRequest) -> list[float]:
        """One certain token: no benchmark asks for it."""
        return [0.0]

    async def aclose(self) -> None:
        """Nothing is held."""


@tool
def tick() -> Tool:
    """A tool that does nothing."""

    async def execute() -> str:
        """Pass the time."""
        return "tock"

    return execute


@tool
def ask() -> Tool:
    """A tool that asks a free model once."""
    model = get_model("mockllm/target", custom_outputs=lambda *_: _reply("mockllm/target"), memoize=False)

    async def execute(message: str) -> str:
        """Ask a model.

        Args:
            message: What to ask.
        """
        return (await model.generate([ChatMessageUser(content=message)])).completion

    return execute


def usage() -> ModelUsage:
    """Without a usage, inspect counts tokens and fetches a tokenizer for it."""
    return ModelUsage(input_tokens=10, output_tokens=20, total_tokens=30)


def _reply(model: str) -> ModelOutput:
    output = ModelOutput.from_content(model, REPLY)
    output.usage = usage()
    return output
