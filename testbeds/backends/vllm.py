"""The `vllm` backend: organisms as adapters on one shared server per base. The default where there is a GPU.

Prompts are rendered and tokenised here and sent as token ids to /v1/completions, for chat too. So a target
reads the same tokens under this backend and under `transformers`, a prefill is continued token for token, and
the server's chat endpoint with its own opinions is used only when somebody else's task offers tools to the
target. Every sampling setting is sent, so that a server with defaults of its own cannot add to them.
"""

import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

import anyio
import httpx
from anyio.lowlevel import RunVar
from inspect_ai.model import (
    ChatMessageAssistant,
    ModelOutput,
    messages_to_openai,
    model_output_from_openai,
)

from cordelia.contracts.errors import CordeliaError, MissingExtraError
from cordelia.testbeds.backends.args import parse_args
from cordelia.testbeds.backends.base import Backend, LikelihoodRequest, ServedOrganism, TargetBusy, TargetRequest
from cordelia.testbeds.backends.rendering import encode, encode_reply
from cordelia.testbeds.backends.vllm_background import in_thread, settled
from cordelia.testbeds.backends.vllm_command import PYTHON_ENV, VllmArgs, rank_for
from cordelia.testbeds.backends.vllm_pool import acquire_server, release_server
from cordelia.testbeds.backends.vllm_server import Served, ServerSpec, VllmServer
from cordelia.testbeds.backends.vllm_wire import (
    Tokenizer,
    chat_body,
    completion_body,
    end_tokens,
    likelihood_body,
    likelihood_of,
    load_tokenizer,
    output_of,
    relabelled,
    too_long,
)
from cordelia.testbeds.capabilities import WEIGHTS_SERVED, Capability

if TYPE_CHECKING:
    from openai import AsyncOpenAI

R = TypeVar("R")

CAPABILITIES = WEIGHTS_SERVED | {Capability.TOOLS}
_TRIES = 4
_ANSWER_S = 3600.0  # long answers queue on a CPU; a server that dies breaks the connection anyway


@dataclass(frozen=True)
class Link:
    """A server in use, with the base's tokenizer and the token ids that end an answer."""

    server: VllmServer
    tokenizer: Tokenizer
    ends: tuple[int, ...]


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


class VllmBackend:
    """One organism on a shared server, which starts with the first request."""

    def __init__(self, organism: ServedOrganism, args: VllmArgs) -> None:
        self.organism = organism
        self.args = args
        self._lock = threading.Lock()
        self._linking: Future[Link] | None = None
        # an HTTP client belongs to the event loop that it was made on, and a second eval has another loop
        self._client: RunVar[AsyncOpenAI | None] = RunVar(f"cordelia-vllm-{id(self)}", None)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return CAPABILITIES

    @property
    def max_connections(self) -> int:
        return self.args.max_connections

    @property
    def shared_with(self) -> str:
        base = self.organism.base.model if self.organism.base else ""
        settings = self.args.model_dump_json(exclude={"api_key"}, exclude_defaults=True)
        return f"vllm:{base}:{settings}"

    async def generate(self, request: TargetRequest) -> ModelOutput:
        link, served, model = await self._reach()
        if request.tools:
            return await self._with_tools(link, served, model, request)
        label, config = self.organism.label, request.config
        prompt = encode(link.tokenizer, request.messages, request.mode)
        room = served.context - len(prompt)
        if room < 1:
            return too_long(label, len(prompt))
        body = completion_body(config, link.ends, room)
        client = self._http(served)
        completion = await self._ask(
            link.server, lambda: client.completions.create(model=model, prompt=prompt, extra_body=body)
        )
        if completion is None:
            return too_long(label, len(prompt))
        return output_of(completion, label, link.tokenizer, config, body)

    async def likelihood(self, request: LikelihoodRequest) -> list[float]:
        link, served, model = await self._reach()
        prompt, reply = encode_reply(link.tokenizer, request.messages, request.mode, request.reply, request.ended)
        if not reply:
            return []
        client, tokens, body = self._http(served), [*prompt, *reply], likelihood_body()
        completion = await self._ask(
            link.server, lambda: client.completions.create(model=model, prompt=tokens, extra_body=body)
        )
        if completion is None:
            raise link.server.failure(f"has no room for a reply to be scored in its {served.context} tokens")
        try:
            return likelihood_of(completion, tokens, len(reply))
        except ValueError as error:
            raise link.server.failure(f"cannot say how likely a reply is: {error}") from error

    async def _reach(self) -> tuple[Link, Served, str]:
        """The server, where it answers, and this organism's name there."""
        link = await self._link()
        served = await link.server.served()
        adapter = self.organism.adapter
        return link, served, await link.server.alias(adapter) if adapter else served.model

    async def aclose(self) -> None:
        """Close this event loop's client and let go of the server, which stays warm for the next audit."""
        client = self._client.get()
        if client is not None:
            self._client.set(None)
            await client.close()
        with self._lock:
            linking, self._linking = self._linking, None
        if linking is not None:
            linking.add_done_callback(_release)

    async def _link(self) -> Link:
        with self._lock:
            if self._linking is None or (self._linking.done() and self._linking.exception()):
                self._linking = in_thread(self._make_link)
            linking = self._linking
        return await settled(linking)

    def _make_link(self) -> Link:
        from cordelia.testbeds.weights import base_path

        assert self.organism.base is not None  # the factory has checked
        base = base_path(self.organism.base)
        adapters = {*self.organism.adapters, *([self.organism.adapter] if self.organism.adapter else [])}
        rank = rank_for(adapters, self.args.max_lora_rank or 0)
        tokenizer, ends = load_tokenizer(base), end_tokens(base)
        server = acquire_server(ServerSpec(self.organism.base.model, base, self.args, rank, len(adapters)))
        return Link(server, tokenizer, ends)

    def _http(self, served: Served) -> "AsyncOpenAI":
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

        client = self._client.get()
        if client is None:
            client = AsyncOpenAI(
                base_url=served.url,
                api_key=served.api_key,
                max_retries=0,
                timeout=Timeout(_ANSWER_S, connect=10.0),
                # a proxy from the environment cannot reach our loopback
                http_client=DefaultAsyncHttpxClient(trust_env=self.args.base_url is not None),
            )
            self._client.set(client)
        return client

    async def _with_tools(self, link: Link, served: Served, model: str, request: TargetRequest) -> ModelOutput:
        client = self._http(served)
        messages = await messages_to_openai(list(request.messages))
        body = chat_body(request.config, link.ends, served.context, list(request.tools), request.tool_choice)
        if isinstance(request.messages[-1], ChatMessageAssistant):
            body |= {"continue_final_message": True, "add_generation_prompt": False}
        completion = await self._ask(
            link.server,
            lambda: client.chat.completions.create(model=model, messages=messages, extra_body=body),
        )
        if completion is None:
            return too_long(self.organism.label, served.context)
        output = await model_output_from_openai(completion)
        return relabelled(output, self.organism.label, request.config)

    async def _ask(self, server: VllmServer, send: Callable[[], Awaitable[R]]) -> R | None:
        """One request, sent again if the connection broke while the server lives.

        Returns:
            The answer, or None if the server finds the prompt too long.

        Raises:
            TargetBusy: the server asks to be tried later.
            TargetError: it cannot be reached, failed, or refused the request.
        """
        from openai import APIConnectionError, APIStatusError

        for attempt in range(1, _TRIES + 1):
            try:
                return await send()
            except APIConnectionError as error:
                if attempt == _TRIES or not server.lives():
                    raise server.failure(f"cannot be reached ({error.__cause__ or error})") from error
                await anyio.sleep(0.25 * 2**attempt)
            except APIStatusError as error:
                if error.status_code == httpx.codes.BAD_REQUEST and "context length" in error.message:
                    return None
                if error.status_code == httpx.codes.TOO_MANY_REQUESTS:
                    raise TargetBusy("the vLLM server asks to be tried later (status 429)") from error
                raise server.failure(f"answered {error.status_code}: {error.message[:500]}") from error
        raise AssertionError("the last try returns or raises")


def _release(linking: Future[Link]) -> None:
    if not linking.exception():
        release_server(linking.result().server)
