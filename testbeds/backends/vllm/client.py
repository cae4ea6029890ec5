"""Requests to a vLLM server: a client for each event loop, and patience where a connection breaks."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import anyio
import httpx
from anyio.lowlevel import RunVar

from cordelia.testbeds.backends.base import TargetBusy
from cordelia.testbeds.backends.vllm.command import VllmArgs
from cordelia.testbeds.backends.vllm.server import VllmServer
from cordelia.testbeds.backends.vllm.spec import Served

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types import Completion

R = TypeVar("R")

_TRIES = 4
_ANSWER_S = 3600.0  # long answers queue on a CPU; a server that dies breaks the connection anyway


class VllmClient:
    """One backend's way to its server."""

    def __init__(self, args: VllmArgs) -> None:
        self.args = args
        # an HTTP client belongs to the event loop that it was made on, and a second eval has another loop
        self._client: RunVar[AsyncOpenAI | None] = RunVar(f"cordelia-vllm-{id(self)}", None)

    async def complete(
        self, server: VllmServer, served: Served, model: str, prompt: list[int], body: dict[str, object]
    ) -> "Completion | None":
        """The answer to one /v1/completions request; see `ask`."""
        client = self.http(served)
        return await self.ask(server, lambda: client.completions.create(model=model, prompt=prompt, extra_body=body))

    def http(self, served: Served) -> "AsyncOpenAI":
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

    async def ask(self, server: VllmServer, send: Callable[[], Awaitable[R]]) -> R | None:
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

    async def aclose(self) -> None:
        """Close this event loop's client."""
        client = self._client.get()
        if client is not None:
            self._client.set(None)
            await client.close()
