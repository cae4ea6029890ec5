"""`organism/<testbed>/<name>`: a model organism as an inspect model, so that any eval can be pointed at it.

The provider adds what is hidden (adapter, system prompt) and shows what is public. The log of a run holds the visible
conversation only: the hidden prompt is merged in here, below the recorded event.
"""

from collections.abc import Sequence

from inspect_ai.model import (
    ChatMessage,
    ChatMessageSystem,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from cordelia.contracts.errors import CordeliaError, unknown_name
from cordelia.testbeds.backends.base import Backend, TargetBusy, TargetRequest
from cordelia.testbeds.backends.registry import backend_factory, default_backend
from cordelia.testbeds.capabilities import Capability, Mode
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.organism import reference_of, serve

MAX_PARTS = 2


def make_backend(
    testbed: str,
    organism: str,
    backend: str = "auto",
    base: str | None = None,
    reference: bool = False,
    **args: object,
) -> tuple[Backend, str | None]:
    """The backend of an organism (or of its base, as `reference`) and its hidden system prompt.

    Raises:
        CordeliaError: a name, an argument or a file is wrong; a package is missing.
    """
    served = serve(load_testbed(testbed), organism, base)
    if reference:
        served = reference_of(served)
    if backend == "auto":
        # a base that nobody declared is an inspect model; a declared one has weights
        backend = "model" if load_testbed(testbed).base_of(organism) is None else default_backend()
    return backend_factory(backend)(served, **args), served.system_prompt


@modelapi(name="organism")
class OrganismAPI(ModelAPI):
    """An organism, or its base, behind inspect's model interface.

    Args:
        model_name: `<testbed>/<organism>`.
        testbed: folder of the testbed when it is not known by name.
        backend: `transformers`, `vllm`, `model`, another package's, or `auto`.
        base: the base model of an organism that names none: any inspect model.
        mode: `chat`, `user_turn` or `completion`.
        reference: serve the organism's base instead.
        backend_args: arguments of the backend.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - inspect's own signature
        testbed: str | None = None,
        backend: str = "auto",
        base: str | None = None,
        mode: str = "chat",
        reference: bool = False,
        **backend_args: object,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        parts = model_name.split("/")
        if len(parts) != MAX_PARTS or not all(parts):
            raise CordeliaError(f"'organism/{model_name}' is not a model; write organism/<testbed>/<name>.")
        if mode not in set(Mode):
            raise unknown_name("mode", mode, [m.value for m in Mode])
        for name, value in (("base_url", base_url), ("api_key", api_key)):
            if value is not None:
                backend_args[name] = value
        self.mode = Mode(mode)
        self.backend, self.hidden = make_backend(
            testbed or parts[0], parts[1], backend=backend, base=base, reference=reference, **backend_args
        )
        if self.mode.capability not in self.backend.capabilities:
            raise CordeliaError(
                f"organism/{model_name} cannot do '{mode}' here. "
                f"It can: {', '.join(sorted(self.backend.capabilities))}."
            )

    async def generate(
        self,
        input: list[ChatMessage],  # noqa: A002 - inspect's own signature
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        if tools and Capability.TOOLS not in self.backend.capabilities:
            raise CordeliaError(
                f"organism/{self.model_name} cannot be given tools here. "
                f"It can: {', '.join(sorted(self.backend.capabilities))}."
            )
        messages = input if self.mode is Mode.COMPLETION else with_hidden_prompt(input, self.hidden)
        return await self.backend.generate(TargetRequest(messages, self.mode, config, tuple(tools), tool_choice))

    def max_connections(self) -> int:
        return self.backend.max_connections

    def connection_key(self) -> str:
        return self.backend.shared_with

    def should_retry(self, ex: Exception) -> bool:
        return isinstance(ex, TargetBusy)

    def collapse_user_messages(self) -> bool:
        return True

    def collapse_assistant_messages(self) -> bool:
        return True

    async def aclose(self) -> None:
        await self.backend.aclose()


def with_hidden_prompt(messages: Sequence[ChatMessage], hidden: str | None) -> list[ChatMessage]:
    """The conversation as the organism sees it: one system message, the hidden prompt before any visible one."""
    visible = [message.text for message in messages if message.role == "system"]
    if hidden is None and len(visible) <= 1:
        return list(messages)
    system = "\n\n".join(text for text in [hidden or "", *visible] if text)
    rest: list[ChatMessage] = [message for message in messages if message.role != "system"]
    return [ChatMessageSystem(content=system), *rest] if system else rest
