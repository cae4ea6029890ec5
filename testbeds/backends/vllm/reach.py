"""The way from one organism to its server: which server, started with the first request, and under which name."""

import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cordelia.testbeds.backends.adapter_noise import adapter_in_force
from cordelia.testbeds.backends.base import ServedOrganism
from cordelia.testbeds.backends.token_texts import TokenTexts
from cordelia.testbeds.backends.vllm.adapters import modules_for, rank_for
from cordelia.testbeds.backends.vllm.background import in_thread, settled
from cordelia.testbeds.backends.vllm.client import VllmClient
from cordelia.testbeds.backends.vllm.command import VllmArgs
from cordelia.testbeds.backends.vllm.pool import acquire_server, release_server
from cordelia.testbeds.backends.vllm.server import VllmServer
from cordelia.testbeds.backends.vllm.spec import Served, ServerSpec
from cordelia.testbeds.backends.vllm.wire import Tokenizer, end_tokens, load_tokenizer

if TYPE_CHECKING:
    from openai.types import Completion


@dataclass(frozen=True)
class Link:
    """A server in use, with the base, the adapter in force, the tokenizer and the token ids that end an answer."""

    server: VllmServer
    base: str
    adapter: Path | None
    tokenizer: Tokenizer
    words: TokenTexts
    ends: tuple[int, ...]


@dataclass(frozen=True)
class Reached:
    """A server that answers, and this organism's name there."""

    link: Link
    served: Served
    model: str

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """A server's answer that cannot be read (ValueError) is the server's failure."""
        try:
            yield
        except ValueError as error:
            raise self.link.server.failure(f"cannot say {what}: {error}") from error


class VllmReach:
    """One organism's use of a server. Safe to use from any event loop."""

    def __init__(self, organism: ServedOrganism, args: VllmArgs) -> None:
        self.organism = organism
        self.args = args
        self.client = VllmClient(args)
        self._lock = threading.Lock()
        self._linking: Future[Link] | None = None

    @asynccontextmanager
    async def reached(self) -> AsyncIterator[Reached]:
        """The server, where it answers, and this organism's name there for as long as it is needed."""
        link = await self.link()
        served = await link.server.served()
        if link.adapter is None:
            yield Reached(link, served, served.model)
        elif link.adapter == self.organism.adapter:
            yield Reached(link, served, await link.server.alias(link.adapter))
        else:
            async with link.server.changed(link.adapter) as alias:
                yield Reached(link, served, alias)

    async def link(self) -> Link:
        """The server, which need not run yet, and what this side must know of its base."""
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
        tokenizer, ends, adapter = load_tokenizer(base), end_tokens(base), adapter_in_force(self.organism)
        modules = modules_for(adapters)
        server = acquire_server(ServerSpec(self.organism.base.model, base, self.args, rank, len(adapters), modules))
        return Link(server, base, adapter, tokenizer, TokenTexts(tokenizer), ends)

    async def complete(self, at: Reached, prompt: list[int], body: dict[str, object]) -> "Completion | None":
        """The answer to one /v1/completions request; None if the server finds the prompt too long."""
        return await self.client.complete(at.link.server, at.served, at.model, prompt, body)

    async def aclose(self) -> None:
        """Close this event loop's client and let go of the server, which stays warm for the next audit."""
        await self.client.aclose()
        with self._lock:
            linking, self._linking = self._linking, None
        if linking is not None:
            linking.add_done_callback(_release)


def _release(linking: Future[Link]) -> None:
    if not linking.exception():
        release_server(linking.result().server)
