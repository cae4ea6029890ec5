"""The contract of a backend: it serves one organism, or its base, and says what it can do.

Three kinds come with Cordelia (`transformers`, `vllm`, `model`); an installed package adds another by an entry point in
the group `cordelia.backends` whose value is a `BackendFactory`. A backend gets what is hidden (`ServedOrganism`) and
the provider hands it only requests, so it never sees a brief, a report or a truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from inspect_ai.model import ChatMessage, GenerateConfig, ModelOutput
from inspect_ai.tool import ToolChoice, ToolInfo

from cordelia.contracts.intervention import Intervention
from cordelia.testbeds.capabilities import Capability, Mode
from cordelia.testbeds.schema import BaseSpec
from cordelia.testbeds.vectors import Array


@dataclass(frozen=True)
class ServedOrganism:
    """What a backend must load, resolved from a testbed.

    Attributes:
        label: public name for log lines, `<testbed>/<organism>`.
        base: the base model; None when the base is any inspect model.
        adapter: folder of a LoRA adapter in safetensors, or None. Its hash has been checked.
        system_prompt: the hidden system prompt, or None.
        adapter_scale: how much of the adapter is in force: 1 is the organism as it is, 0 its base. An organism without
            adapter is the same at every scale.
        adapter_noise: Gaussian noise on each matrix of the adapter, as a share of the root mean square of its numbers.
        noise_seed: of that noise.
        adapters: every adapter folder of the testbed on the same base, so that one server is sized for all of them.
    """

    label: str
    base: BaseSpec | None
    adapter: Path | None = None
    system_prompt: str | None = None
    adapter_scale: float = 1.0
    adapter_noise: float = 0.0
    noise_seed: int = 0
    adapters: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """An intervention with its tensor: float32 [width], [positions, width] (patch), or None (noise)."""

    what: Intervention
    vector: Array | None = None


@dataclass(frozen=True)
class TargetRequest:
    """One generation.

    Attributes:
        messages: the visible conversation with the hidden system prompt already merged in (empty for the reference).
        mode: how the messages become the model's input.
        config: sampling. `max_tokens`, `temperature`, `top_p`, `seed`, `stop_seqs`, `logprobs`, `top_logprobs`,
            `num_choices`
            are honoured by all backends.
        tools: tools offered to the target by somebody else's task; only with `Capability.TOOLS`.
        interventions: what is done to the activations meanwhile; only with `Capability.INTERVENE`. One that was not
            applied to exactly the tokens it names raises `TargetError` in place of a reply.
    """

    messages: Sequence[ChatMessage]
    mode: Mode
    config: GenerateConfig
    tools: Sequence[ToolInfo] = field(default_factory=tuple)
    tool_choice: ToolChoice = "none"
    interventions: tuple[Loaded, ...] = ()


@dataclass(frozen=True)
class LikelihoodRequest:
    """A reply whose likelihood is asked for, whoever wrote it.

    Attributes:
        messages: the visible conversation before the reply, with the hidden system prompt already merged in.
        reply: the text of the reply.
        mode: how the messages become the model's input.
        ended: the reply ended by itself, so that the token which ends a turn counts as its last.
    """

    messages: Sequence[ChatMessage]
    reply: str
    mode: Mode = Mode.CHAT
    ended: bool = False


class Backend(Protocol):
    """Serves one organism. Instances are cheap; what is heavy (a model, a server) is shared behind them."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this backend can do. Known without loading anything."""
        ...

    @property
    def max_connections(self) -> int:
        """How many requests it is good to have under way at once."""
        ...

    @property
    def shared_with(self) -> str:
        """Key of what is shared: backends with the same key compete for the same engine."""
        ...

    async def generate(self, request: TargetRequest) -> ModelOutput:
        """Answer one request. The output carries `usage`; a target that cannot be reached raises `TargetError`."""
        ...

    async def likelihood(self, request: LikelihoodRequest) -> list[float]:
        """The log probability (natural log, temperature 1) of each token of a reply, given what stands before it.

        Asked only of a backend with `Capability.LIKELIHOOD`. The reply is tokenised anew, so a text that was sampled in
        another way of writing it as tokens is read in the tokenizer's own. An empty reply has an empty list. What
        cannot be reached, and a conversation longer than the context, raises `TargetError`.
        """
        ...

    async def aclose(self) -> None:
        """Let go of what this backend holds."""
        ...


class BackendFactory(Protocol):
    """Makes the backend of one organism.

    Raises:
        MissingExtraError: the backend's packages are not installed.
        CordeliaError: the organism or an argument does not fit the backend.
    """

    def __call__(self, organism: ServedOrganism, /, **args: object) -> Backend: ...


@runtime_checkable
class Remedies(Protocol):
    """What a backend may have beside `Backend`: how to give it what it lacks."""

    def remedy(self, lacking: Capability) -> str | None:
        """What to install or to say instead, in one sentence; None where nothing helps."""
        ...


class TargetError(RuntimeError):
    """The target (its engine or server) failed; the auditor is not to blame. Ends the sample as `target_error`."""


class TargetBusy(TargetError):  # noqa: N818 - a state that passes, not a fault
    """The target asks to be tried again later (a rate limit, a passing fault); inspect's own retries apply."""
