"""`organism/<testbed>/<name>`: a model organism as an inspect model, so that any eval can be pointed at it.

The provider adds what is hidden (adapter, system prompt) and shows what is public. The log of a run holds the visible
conversation only: the hidden prompt is merged in here, below the recorded event.
"""

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from anyio import to_thread
from inspect_ai.model import (
    ChatMessage,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from cordelia.contracts.errors import CordeliaError, unknown_name
from cordelia.testbeds.backends.base import Backend, LikelihoodRequest, TargetBusy, TargetRequest
from cordelia.testbeds.backends.registry import backend_factory, default_backend
from cordelia.testbeds.blame import blamed
from cordelia.testbeds.capabilities import Capability, Mode
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.hidden import with_hidden_prompt
from cordelia.testbeds.insight import Insight
from cordelia.testbeds.intervening import load_all, taken_from
from cordelia.testbeds.organism import reference_of, serve
from cordelia.testbeds.replies import fit
from cordelia.testbeds.schema import Testbed

MAX_PARTS = 2


def make_backend(
    testbed: str,
    organism: str,
    backend: str = "auto",
    base: str | None = None,
    reference: bool = False,
    adapter_scale: float = 1.0,
    adapter_noise: float = 0.0,
    noise_seed: int = 0,
    **args: object,
) -> tuple[Backend, str | None]:
    """The backend of an organism (or of its base, as `reference`) and its hidden system prompt.

    Raises:
        CordeliaError: a name, an argument or a file is wrong; a package is missing.
    """
    bed = load_testbed(testbed)
    served = serve(bed, organism, base, adapter_scale, adapter_noise, noise_seed)
    if reference:
        served = reference_of(served)
    factory = backend_factory(backend_name(bed, organism, backend, base))
    return factory(served, **args), served.system_prompt


def backend_name(testbed: Testbed, organism: str, backend: str = "auto", base: str | None = None) -> str:
    """What `auto` means for an organism on a base; any other name is itself."""
    if backend != "auto":
        return backend
    declared = testbed.base_of(organism)
    # a base that the testbed does not declare is an inspect model; a declared one has weights
    has_weights = declared is not None and base in (None, declared.model)
    return default_backend() if has_weights else "model"


@runtime_checkable
class OrganismModel(Protocol):
    """What `Model.api` of an organism has beyond inspect's interface. (The decorated class below is a function.)"""

    backend: Backend

    async def likelihood(self, messages: Sequence[ChatMessage], reply: str, ended: bool = False) -> list[float]: ...

    def inside(self) -> Insight: ...


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
        adapter_scale: how much of its adapter is in force: 1 is the organism, 0 its base.
        adapter_noise, noise_seed: noise on its adapter's matrices, as a share of their size.
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
        adapter_scale: float = 1.0,
        adapter_noise: float = 0.0,
        noise_seed: int = 0,
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
            testbed or parts[0],
            parts[1],
            backend=backend,
            base=base,
            reference=reference,
            adapter_scale=adapter_scale,
            adapter_noise=adapter_noise,
            noise_seed=noise_seed,
            **backend_args,
        )
        if (adapter_scale != 1.0 or adapter_noise) and Capability.AMPLIFY not in self.backend.capabilities:
            raise CordeliaError(f"organism/{model_name} has no adapter that could be changed on this backend.")
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
        interventions, config = taken_from(config)
        if interventions and Capability.INTERVENE not in self.backend.capabilities:
            raise CordeliaError(f"organism/{self.model_name} cannot be intervened on with this backend.")
        loaded = await to_thread.run_sync(load_all, interventions) if interventions else ()
        request = TargetRequest(messages, self.mode, config, tuple(tools), tool_choice, loaded)
        with blamed(self.model_name):
            return fit(await self.backend.generate(request), config.num_choices or 1, tools=bool(tools))

    async def likelihood(self, messages: Sequence[ChatMessage], reply: str, ended: bool = False) -> list[float]:
        """The log probability of each token of a reply to a visible conversation, whoever wrote the reply.

        Args:
            messages: the conversation before the reply.
            reply: its text.
            ended: it ended by itself, so the token that ends a turn counts too.

        Raises:
            CordeliaError: the backend lacks `Capability.LIKELIHOOD`.
            TargetError: the target failed.
        """
        if Capability.LIKELIHOOD not in self.backend.capabilities:
            raise CordeliaError(f"organism/{self.model_name} cannot say how likely a reply is on this backend.")
        seen = messages if self.mode is Mode.COMPLETION else with_hidden_prompt(messages, self.hidden)
        with blamed(self.model_name):
            scores = await self.backend.likelihood(LikelihoodRequest(list(seen), reply, self.mode, ended))
            if not all(math.isfinite(score) for score in scores):
                raise ValueError("a log probability is no finite number")
            return scores

    def inside(self) -> Insight:
        """What can be seen inside it. Raises CordeliaError when the backend has nothing to show."""
        return Insight(self.backend, self.model_name, self.hidden)

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
