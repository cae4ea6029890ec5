"""The `vllm` backend: organisms as adapters on one shared server per base. The default where there is a GPU.

Prompts are rendered and tokenised here and sent as token ids to /v1/completions, for chat too. So a target
reads the same tokens under this backend and under `transformers`, a prefill is continued token for token, and
the server's chat endpoint with its own opinions is used only when somebody else's task offers tools to the
target. Every sampling setting is sent, so that a server with defaults of its own cannot add to them.

Looks inside and interventions go through vllm-lens in the server (lens.py, hook.py).
"""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from anyio import to_thread
from inspect_ai.model import (
    ChatMessageAssistant,
    ModelOutput,
    messages_to_openai,
    model_output_from_openai,
)

from cordelia.contracts.errors import CordeliaError, MissingExtraError
from cordelia.testbeds.backends.args import parse_args
from cordelia.testbeds.backends.base import Backend, LikelihoodRequest, Loaded, ServedOrganism, TargetRequest
from cordelia.testbeds.backends.compiler import check_positions
from cordelia.testbeds.backends.rendering import encode, encode_reply
from cordelia.testbeds.backends.vllm.background import all_of
from cordelia.testbeds.backends.vllm.command import INSTALL_LENS, PYTHON_ENV, VllmArgs, serves_lens
from cordelia.testbeds.backends.vllm.head import shape_of
from cordelia.testbeds.backends.vllm.inside import NO_GRADIENTS, VllmInside
from cordelia.testbeds.backends.vllm.lens import check_hooks, hook_body
from cordelia.testbeds.backends.vllm.reach import Reached, VllmReach
from cordelia.testbeds.backends.vllm.wire import (
    chat_body,
    completion_body,
    joined,
    likelihood_body,
    likelihood_of,
    one_by_one,
    output_of,
    relabelled,
    too_long,
)
from cordelia.testbeds.capabilities import WEIGHTS_SERVED, Capability

if TYPE_CHECKING:
    from openai.types import Completion

CAPABILITIES = WEIGHTS_SERVED | {Capability.TOOLS}
LENS = frozenset({Capability.CAPTURE, Capability.INTERVENE})


def vllm_backend(organism: ServedOrganism, /, **args: object) -> Backend:
    """The backend of one organism. See BackendFactory."""
    for package in ("openai", "transformers"):
        if find_spec(package) is None:
            raise MissingExtraError("The backend 'vllm'", "vllm-client", package)
    if organism.base is None:
        raise CordeliaError(f"{organism.label} names no base; say which with base=<hub id or folder>.")
    parsed = parse_args(VllmArgs, "vllm", args)
    elsewhere = parsed.base_url or parsed.python or os.environ.get(PYTHON_ENV)
    if not elsewhere and find_spec("vllm") is None:
        raise CordeliaError(
            "The backend 'vllm' needs a vLLM. Install it with: pip install 'cordelia[vllm]'; or name one in another "
            f"environment ({PYTHON_ENV}=/path/to/python, backend_args python), or a running server (backend_args "
            "base_url). Without a GPU, `make vllm` in a clone makes an environment with a CPU build."
        )
    return VllmBackend(organism, parsed)


class VllmBackend(VllmInside):
    """One organism on a shared server, which starts with the first request."""

    def __init__(self, organism: ServedOrganism, args: VllmArgs) -> None:
        self.organism = organism
        self.args = args
        super().__init__(VllmReach(organism, args))

    @property
    def capabilities(self) -> frozenset[Capability]:
        # what is compiled here, and the head of a lens, need torch on this side
        inside = serves_lens(self.args) and find_spec("torch") is not None
        return CAPABILITIES | LENS if inside else CAPABILITIES

    def remedy(self, lacking: Capability) -> str | None:
        """See Remedies."""
        if lacking is Capability.GRADIENT:
            return NO_GRADIENTS
        if lacking not in LENS or lacking in self.capabilities:
            return None
        if find_spec("torch") is None:
            return "Looks inside need torch beside Cordelia: pip install torch."
        if self.args.base_url:
            return f"A server of your own that has vllm-lens: backend_args lens=true. It gets it by: {INSTALL_LENS}"
        if self.args.lens is False:
            return "The argument lens of the backend is false."
        return f"Looks inside need vllm-lens where vLLM is ({self.args.interpreter}): {INSTALL_LENS}"

    @property
    def max_connections(self) -> int:
        return self.args.max_connections

    @property
    def shared_with(self) -> str:
        base = self.organism.base.model if self.organism.base else ""
        settings = self.args.model_dump_json(exclude={"api_key"}, exclude_defaults=True)
        return f"vllm:{base}:{settings}"

    async def generate(self, request: TargetRequest) -> ModelOutput:
        async with self._reach.reached() as at:
            if request.tools:
                return await self._with_tools(at, request)
            label, config = self.organism.label, request.config
            prompt = encode(at.link.tokenizer, request.messages, request.mode)
            room = at.served.context - len(prompt)
            if room < 1:
                return too_long(label, len(prompt))
            body = completion_body(config, at.link.ends, room)
            if request.interventions:
                completion = await self._intervened(at, prompt, body, request.interventions)
            else:
                completion = await self._reach.complete(at, prompt, body)
            if completion is None:
                return too_long(label, len(prompt))
            return output_of(completion, label, at.link.tokenizer, config, body)

    async def likelihood(self, request: LikelihoodRequest) -> list[float]:
        async with self._reach.reached() as at:
            prompt, reply = encode_reply(
                at.link.tokenizer, request.messages, request.mode, request.reply, request.ended
            )
            if not reply:
                return []
            tokens = [*prompt, *reply]
            completion = await self._reach.complete(at, tokens, likelihood_body())
            if completion is None:
                raise at.link.server.failure(f"has no room for a reply to be scored in its {at.served.context} tokens")
            with at.told("how likely a reply is"):
                return likelihood_of(completion, tokens, len(reply))

    async def aclose(self) -> None:
        """Close this event loop's client and let go of the server, which stays warm for the next audit."""
        await self._reach.aclose()

    async def _intervened(
        self, at: Reached, prompt: list[int], body: dict[str, object], loaded: Sequence[Loaded]
    ) -> "Completion | None":
        """One request a choice, because vllm-lens does not find the hooks of a request with several."""
        shape = await to_thread.run_sync(shape_of, at.link.base)
        hook = await to_thread.run_sync(hook_body, loaded, shape.blocks, shape.width, len(prompt))
        check_positions(loaded, len(prompt) + cast(int, body["max_tokens"]) - 1)

        async def ask(choice: dict[str, object]) -> "Completion | None":
            completion = await self._reach.complete(at, prompt, {**choice, **hook})
            if completion is not None:
                check_hooks(completion, loaded, len(prompt))
            return completion

        found = await all_of(ask, one_by_one(body), self.args.max_connections)
        answers = [completion for completion in found if completion is not None]
        return joined(answers) if len(answers) == len(found) else None

    async def _with_tools(self, at: Reached, request: TargetRequest) -> ModelOutput:
        if request.interventions:
            raise CordeliaError("An organism cannot be intervened on while it is offered tools.")
        client = self._reach.client.http(at.served)
        messages = await messages_to_openai(list(request.messages))
        body = chat_body(request.config, at.link.ends, at.served.context, list(request.tools), request.tool_choice)
        if isinstance(request.messages[-1], ChatMessageAssistant):
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        completion = await self._reach.client.ask(
            at.link.server,
            lambda: client.chat.completions.create(model=at.model, messages=messages, extra_body=body),
        )
        if completion is None:
            return too_long(self.organism.label, at.served.context)
        output = await model_output_from_openai(completion)
        return relabelled(output, self.organism.label, request.config)
