"""The queue of an engine: one thread takes whatever waits, in batches, and the same question is answered once.

Audits run concurrently and ask one thing at a time; a CPU or GPU answers sixty-four things in little more time than
one. Generations and likelihoods that wait go together; an errand (a look inside, a search) goes alone, because it
needs the model for itself. The price: a request that arrives while a batch runs waits for that batch, and short rows
wait for long ones.

Reproducible requests (greedy, or with a seed) that are equal to the last token are generated once: four audits that
send the same battery to their common base share its answers. The key holds the adapter and the interventions, so no
organism is ever given another one's answer.
"""

import logging
import queue
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import anyio
import anyio.lowlevel

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.backends.base import TargetError
from cordelia.testbeds.backends.jobs import EngineSettings, Errand, Job, R, Scoring, Work

Waiting = Job | Scoring | Errand[Any]
W = TypeVar("W", Job, Scoring, Errand[Any])

logger = logging.getLogger(__name__)

GATHER_SECONDS = 0.01
"""How long the worker waits for company after the first request; far below the time of one decoding step."""

ENOUGH = 16
"""Rows of one adapter that are a batch without others."""

AHEAD = 8
"""How many batches' worth of jobs are looked at to find rows of one adapter."""


class Worker(ABC):
    """The thread and its queue. What is done with a batch is a subclass's."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self._jobs: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
        self._waiting: list[Waiting] = []  # the thread's own
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None
        self._known: OrderedDict[object, Future[Any]] = OrderedDict()

    @abstractmethod
    def _generate(self, batch: list[Job]) -> None: ...

    @abstractmethod
    def _score(self, batch: list[Scoring]) -> None: ...

    @abstractmethod
    def _go(self, batch: list[Errand[Any]]) -> None: ...

    async def finish(self, jobs: "Sequence[Work[R]]") -> list[R]:
        """The results of jobs, in their order. Raises what their work raised."""
        futures = self._submit(jobs)
        try:
            return [await _result(future) for future in futures]
        except anyio.get_cancelled_exc_class():
            for job in jobs:
                if job.key is None or not self.settings.remember:  # others may wait for the shared ones
                    job.future.cancel()
            raise

    def _submit(self, jobs: "Sequence[Work[R]]") -> "list[Future[R]]":
        """Queue what is not known yet; returns the future of each job's answer, which may be an earlier job's."""
        futures = []
        with self._start:
            for job in jobs:
                known = self._known.get(job.key) if job.key is not None else None
                if known is not None and not (known.done() and known.exception()):
                    futures.append(known)
                    continue
                if job.key is not None and self.settings.remember:
                    self._known[job.key] = job.future
                    if len(self._known) > self.settings.remember:
                        self._known.popitem(last=False)
                self._jobs.put(job)  # type: ignore[arg-type]  # these three are all the work there is
                futures.append(job.future)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="cordelia-engine", daemon=True)
                self._thread.start()
        return futures

    def _run(self) -> None:
        while True:
            batch = [job for job in self._gather() if job.future.set_running_or_notify_cancel()]
            rows = [job for job in batch if isinstance(job, Job)]
            scored = [job for job in batch if isinstance(job, Scoring)]
            if rows:
                self._attempt(self._generate, rows)
            if scored:
                self._attempt(self._score, scored)
            errands = [job for job in batch if isinstance(job, Errand)]
            if errands:
                self._attempt(self._go, errands)

    def _attempt(self, work: Callable[[list[W]], None], batch: list[W]) -> None:
        try:
            work(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, the engine lives on for other requests
            for job in batch:
                if not job.future.done():
                    job.future.set_exception(_target_error(error))

    def _gather(self) -> list[Waiting]:
        """The next batch: the job that has waited longest, and what may go with it, up to the limits.

        Rows of one adapter go together where there are enough of them: routing rows through several adapters costs a
        loop over adapters in every layer. A few rows are not worth a batch of their own and take others along.
        """
        if not self._waiting:
            self._waiting.append(self._jobs.get())
        self._drain()
        first = self._waiting[0]
        if isinstance(first, Errand):  # it goes alone
            return [self._waiting.pop(0)]
        until = next((at for at, job in enumerate(self._waiting) if isinstance(job, Errand)), len(self._waiting))
        company = self._waiting[:until]  # nobody overtakes an errand
        alike = [job for job in company if job.adapter == first.adapter]
        others = [job for job in company if job.adapter != first.adapter] if len(alike) < ENOUGH else []
        batch: list[Waiting] = []
        longest = 0
        for job in [*alike, *others][: self.settings.max_batch]:
            longest = max(longest, job.length)
            if batch and longest * (len(batch) + 1) > self.settings.max_batch_tokens:
                break
            batch.append(job)
        taken = set(map(id, batch))
        self._waiting = [job for job in self._waiting if id(job) not in taken]
        return batch

    def _drain(self) -> None:
        """Take in what waits; while that is less than a batch, also what arrives within a moment."""
        while len(self._waiting) < AHEAD * self.settings.max_batch:
            short = len(self._waiting) < self.settings.max_batch and not isinstance(self._waiting[0], Errand)
            try:
                self._waiting.append(self._jobs.get(timeout=GATHER_SECONDS) if short else self._jobs.get_nowait())
            except queue.Empty:
                return


def _target_error(error: Exception) -> Exception:
    if isinstance(error, TargetError | CordeliaError):
        return error
    return TargetError(f"the in-process engine failed: {type(error).__name__}: {error}")


async def _result(future: "Future[R]") -> R:
    """Wait for a thread's future on whichever event loop this runs, without holding a worker thread."""
    arrived = anyio.Event()
    loop: Any = anyio.lowlevel.current_token().native_token
    # asyncio's name for it, then trio's; neither waits for the loop, so a busy audit does not hold the engine up
    soon = loop.call_soon_threadsafe if hasattr(loop, "call_soon_threadsafe") else loop.run_sync_soon

    def announce(_: "Future[R]") -> None:
        try:
            soon(arrived.set)
        except RuntimeError:
            logger.debug("an answer arrived after its audit's event loop had ended")

    future.add_done_callback(announce)
    await arrived.wait()
    return future.result()
