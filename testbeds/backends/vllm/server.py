"""One vLLM server, started on first use or somebody else's, with adapters loaded on first use.

What blocks (starting, loading an adapter) runs once in a daemon thread behind a future, and every user waits
for that future (see background.py).

A server is started through `guard`, so that it ends with this process. It knows an adapter by a random
alias; only the operator's log file has the path.
"""

import logging
import os
import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx

from cordelia.testbeds.backends.base import TargetError
from cordelia.testbeds.backends.vllm import guard as guard_script
from cordelia.testbeds.backends.vllm.background import in_thread, settled
from cordelia.testbeds.backends.vllm.command import (
    cpu_slots,
    device_of,
    free_port,
    log_file,
    server_command,
    server_environment,
    serves_lens,
)
from cordelia.testbeds.backends.vllm.room import Room
from cordelia.testbeds.backends.vllm.spec import Served, ServerSpec

logger = logging.getLogger(__name__)

SAY_EVERY_S = 15.0
_LOOK_S = 0.25
_TAIL_LINES = 12
_TAIL_BYTES = 256_000  # a crash dumps the whole batch
_LINE_CHARS = 300
_ERROR = re.compile(r"\b\w*(Error|Exception): ")
_ADAPTER_S = 300.0


class VllmServer:
    """One server. Safe to use from any thread and any event loop."""

    def __init__(self, spec: ServerSpec) -> None:
        self.spec = spec
        self.users = 0
        self.log: Path | None = None
        self._lock = threading.Lock()
        self._guard: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._device = ""
        self._stopped = False
        self._served: Future[Served] | None = None
        self._aliases: dict[tuple[str, int], Future[str]] = {}
        self._room: Room | None = None

    async def served(self) -> Served:
        """Where it answers; starts it if need be. Raises TargetError with the log's end."""
        with self._lock:
            if self._served is None:
                self._served = in_thread(self._connect if self.spec.args.base_url else self._start)
        return await settled(self._served)

    async def alias(self, adapter: Path) -> str:
        """The name under which an adapter answers; loads it if need be. Raises TargetError.

        An adapter is its path and its weights' time of change: one trained anew gets a new alias, and with it
        a new prefix cache.
        """
        served = await self.served()
        key = _version_of(adapter)
        with self._lock:
            loading = self._aliases.get(key)
            if loading is None or (loading.done() and loading.exception()):
                self._check_room(key)
                loading = in_thread(lambda: self._named(served, key[0]))
                self._aliases[key] = loading
        return await settled(loading)

    @asynccontextmanager
    async def changed(self, adapter: Path) -> AsyncIterator[str]:
        """The name under which a changed copy of an adapter answers while it is in use. Raises TargetError."""
        served = await self.served()
        with self._lock:
            if self._room is None:
                size = self.spec.args.max_changed if self._device == "cpu" else None
                self._room = Room(partial(self._load, served), size)
        async with self._room.lent(_version_of(adapter)[0]) as alias:
            yield alias

    def lives(self) -> bool:
        """Whether it runs or is about to, or is somebody else's."""
        if self._stopped or (self._served and self._served.done() and self._served.exception()):
            return False
        return self._guard is None or self._guard.poll() is None

    def answers(self) -> bool:
        """Whether its engine is well. True while it starts."""
        if not self.lives() or self._served is None or not self._served.done():
            return self.lives()
        try:
            with self._http(self._served.result(), 3.0) as client:
                return client.get(f"{self._root}/health").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def failure(self, what: str) -> TargetError:
        """The error for something that went wrong with the server, with the end of its log."""
        if self.log is None:
            return TargetError(f"the vLLM server at {self._root} {what}")
        return TargetError(f"the vLLM server of {self.spec.name} {what}. Its log, {self.log}, ends:\n{self._tail()}")

    def stop(self) -> None:
        """End the server if this process started it. Blocks for as long as it takes, seconds at most."""
        self._stopped = True
        guard = self._guard
        if guard is None or os.getpid() != self._owner:
            return
        if guard.stdin:
            guard.stdin.close()
        try:
            guard.wait(guard_script.GRACE_S + 4.0)
        except subprocess.TimeoutExpired:
            guard.kill()  # its twin takes the server down
            guard.wait()

    @property
    def _root(self) -> str:
        """The server's address without the API's version."""
        url = self._served.result().url if self._served and self._served.done() else self.spec.args.base_url or ""
        return url.rstrip("/").removesuffix("/v1")

    def _start(self) -> Served:
        args = self.spec.args
        device = self._device = device_of(args.interpreter)
        port, key = free_port(), secrets.token_hex(16)
        command = server_command(
            self.spec.base,
            args,
            device=device,
            lora_rank=self.spec.lora_rank,
            adapters=self.spec.adapters,
            port=port,
            lora_modules=self.spec.lora_modules,
        )
        self.log = log_file(self.spec.base)
        with self.log.open("ab") as log:
            guard = subprocess.Popen(
                [sys.executable, guard_script.__file__, "--log", str(self.log), "--", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=server_environment(key, device, lens=serves_lens(args)),
                start_new_session=True,
            )
        self._guard = guard
        if self._stopped:
            self.stop()
        # warnings, because these are what inspect shows on its console
        logger.warning("Starting vLLM (%s) for %s; its log: %s", device, self.spec.name, self.log)
        return self._wait_until_ready(Served(f"http://127.0.0.1:{port}/v1", key, "", 0))

    def _wait_until_ready(self, served: Served) -> Served:
        started = said = time.monotonic()
        with self._http(served, 5.0) as client:
            while True:
                now = time.monotonic()
                if self._guard is None or self._guard.poll() is not None:
                    raise self.failure(f"ended {now - started:.0f} s after its start")
                if now - started > self.spec.args.start_timeout:
                    error = self.failure(f"was not ready after start_timeout={self.spec.args.start_timeout:.0f} s")
                    self.stop()
                    raise error
                if now - said >= SAY_EVERY_S:
                    said = now
                    last = self._tail(1).strip()
                    logger.warning("vLLM for %s: %.0f s, log: %s", self.spec.name, now - started, last[-160:])
                try:
                    if client.get(served.url.removesuffix("/v1") + "/health").status_code == httpx.codes.OK:
                        ready = self._describe(client, served)
                        break
                except httpx.HTTPError:
                    pass  # not listening yet
                time.sleep(_LOOK_S)
        logger.warning("vLLM for %s is ready after %.0f s.", self.spec.name, time.monotonic() - started)
        return ready

    def _connect(self) -> Served:
        args = self.spec.args
        url = (args.base_url or "").rstrip("/")
        url = url if url.endswith("/v1") else f"{url}/v1"
        served = Served(url, args.api_key or os.environ.get("VLLM_API_KEY") or "none", "", 0)
        try:
            with self._http(served, 30.0) as client:
                return self._describe(client, served)
        except httpx.HTTPError as error:
            raise TargetError(f"the vLLM server at {url} does not answer: {error}") from error

    def _describe(self, client: httpx.Client, served: Served) -> Served:
        """Ask for the base's name and context. Raises httpx.HTTPError, also when the key is refused."""
        cards = client.get(f"{served.url}/models").raise_for_status().json()["data"]
        base = next(card for card in cards if not card.get("parent"))
        return Served(served.url, served.api_key, base["id"], int(base["max_model_len"]))

    def _check_room(self, key: tuple[str, int]) -> None:
        others = sum(1 for other in self._aliases if other != key)
        if self._device == "cpu" and others >= cpu_slots(self.spec.args, self.spec.adapters):
            raise TargetError(
                f"the vLLM server of {self.spec.name} has loaded {others} adapters, and with one more its base "
                f"would answer with an adapter (a fault of vLLM's CPU build). Set max_loras={others + 1} or more."
            )

    def _named(self, served: Served, folder: str) -> str:
        alias = secrets.token_hex(8)
        self._load(served, alias, folder)
        return alias

    def _load(self, served: Served, alias: str, folder: str, in_place: bool = False) -> None:
        try:
            with self._http(served, _ADAPTER_S) as client:
                body = {"lora_name": alias, "lora_path": folder} | ({"load_inplace": True} if in_place else {})
                answer = client.post(f"{served.url}/load_lora_adapter", json=body)
        except httpx.HTTPError as error:
            raise self.failure(f"could not be asked to load an adapter ({error})") from error
        if answer.status_code != httpx.codes.OK:
            said = answer.text.replace(folder, alias)[:500]
            raise self.failure(f"refused an adapter (status {answer.status_code}): {said}")

    def _http(self, served: Served, timeout: float) -> httpx.Client:
        return httpx.Client(
            headers={"Authorization": f"Bearer {served.api_key}"},
            timeout=timeout,
            trust_env=self.spec.args.base_url is not None,
        )

    def _tail(self, last: int = _TAIL_LINES) -> str:
        """The last lines of the log, after the errors above them: vLLM's last word is seldom the cause.

        The log says where adapters lie, and a path says what an organism is, so paths are taken out.
        """
        if self.log is None:
            return ""
        with self.log.open("rb") as stream:
            stream.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
        for path in [*(path for path, _ in list(self._aliases)), *(self._room.folders if self._room else [])]:
            text = text.replace(path, "(adapter)")
        lines = [line[:_LINE_CHARS] for line in text.splitlines() if line.strip()]
        errors = [line for line in lines[:-last] if _ERROR.search(line)][-4:] if last > 1 else []
        return "\n".join([*errors, *lines[-last:]])


def _version_of(adapter: Path) -> tuple[str, int]:
    weights = adapter / "adapter_model.safetensors"
    return str(adapter.resolve()), weights.stat().st_mtime_ns if weights.exists() else 0
