"""One base model in this process, many adapters on it, and all waiting requests answered in batches.

Audits run concurrently and ask one thing at a time; a CPU or GPU answers sixty-four things in little more time than
one. A worker thread per base takes whatever waits, whichever organisms it is for, and generates it in one batch: peft
routes each row through its own adapter (`adapter_names`, "__base__" for none), `RowSampler` gives each row its own
sampling. Likelihoods of given replies wait in the same queue, because only this thread may switch adapters. The
price: a request that arrives while a batch runs waits for that batch, and short rows wait for long ones.

Reproducible requests (greedy, or with a seed) that are equal to the last token are generated once: four audits that
send the same battery to their common base share its answers. The key holds the adapter, so no organism is ever given
another one's answer.
"""

import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.lowlevel

from cordelia.testbeds.backends.base import TargetError
from cordelia.testbeds.backends.jobs import Completion, EngineSettings, Job, R, Scoring, Work

if TYPE_CHECKING:
    from cordelia.testbeds.backends.sampling import Sampling, TokenScore
    from cordelia.testbeds.backends.scoring import Routing

W = TypeVar("W", Job, Scoring)

logger = logging.getLogger(__name__)

_LOADING = threading.Lock()
"""One model loads at a time: transformers' lazy imports fail when two threads meet in them."""

BASE = "__base__"
GATHER_SECONDS = 0.01
"""How long the worker waits for company after the first request; far below the time of one decoding step."""


class Engine:
    """The worker thread of one base model. Shared by every organism on that base in this process."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self._jobs: queue.SimpleQueue[Job | Scoring] = queue.SimpleQueue()
        self._held: Job | Scoring | None = None
        self._start = threading.Lock()
        self._loaded = False
        self._thread: threading.Thread | None = None
        self._aliases: dict[Path, str] = {}
        self._known: OrderedDict[object, Future[Any]] = OrderedDict()

    async def complete(self, jobs: Sequence[Job]) -> list[Completion]:
        """Answer jobs; each may share its batch with anybody's. Needs `ready`. Raises TargetError when it breaks."""
        return await self._finish(jobs)

    async def score(self, jobs: Sequence[Scoring]) -> list[list[float]]:
        """The log probability of each token of each reply. Needs `ready`. Raises TargetError when it breaks."""
        return await self._finish(jobs)

    async def _finish(self, jobs: "Sequence[Work[R]]") -> list[R]:
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
                self._jobs.put(job)  # type: ignore[arg-type]  # Job and Scoring are all the work there is
                futures.append(job.future)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="cordelia-engine", daemon=True)
                self._thread.start()
        return futures

    def ready(self) -> None:
        """Load the base unless it is loaded: tokenizer, weights, context length. Blocks; call it in a thread."""
        with _LOADING:
            if not self._loaded:
                self._load()
                self._loaded = True

    def _run(self) -> None:
        while True:
            batch = [job for job in self._gather() if job.future.set_running_or_notify_cancel()]
            rows = [job for job in batch if isinstance(job, Job)]
            scored = [job for job in batch if isinstance(job, Scoring)]
            if rows:
                self._attempt(self._generate, rows)
            if scored:
                self._attempt(self._score, scored)

    def _attempt(self, work: Callable[[list[W]], None], batch: list[W]) -> None:
        try:
            work(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, the engine lives on for other requests
            for job in batch:
                if not job.future.done():
                    job.future.set_exception(_target_error(error))

    def _load(self) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()  # it would write over inspect's display
        device = self.settings.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = self.settings.dtype
        if dtype == "auto":
            dtype = "float32" if device == "cpu" else "bfloat16"
        logger.info("loading %s on %s in %s", self.settings.base, device, dtype)
        self.tokenizer = AutoTokenizer.from_pretrained(self.settings.base)
        self.model = AutoModelForCausalLM.from_pretrained(self.settings.base, dtype=getattr(torch, dtype))
        self.model.to(device).eval()
        self.device = torch.device(device)
        self.context = int(getattr(self.model.config, "max_position_embeddings", 4096))
        self._has_adapters = False

    def _gather(self) -> list[Job | Scoring]:
        """The next batch: the first job that waits and what arrives within a moment, up to the limits."""
        first, self._held = self._held or self._jobs.get(), None
        batch: list[Job | Scoring] = [first]
        longest = first.length
        while len(batch) < self.settings.max_batch:
            try:
                job = self._jobs.get(timeout=GATHER_SECONDS)
            except queue.Empty:
                break
            longest = max(longest, job.length)
            if longest * (len(batch) + 1) > self.settings.max_batch_tokens:
                self._held = job
                break
            batch.append(job)
        return batch

    def _alias(self, adapter: Path | None) -> str:
        """The name under which peft knows an adapter; loads it at first use."""
        if adapter is None:
            return BASE
        if adapter not in self._aliases:
            from peft import PeftModel

            alias = f"a{len(self._aliases)}"
            if self._has_adapters:
                self.model.load_adapter(str(adapter), adapter_name=alias)
            else:
                self.model = PeftModel.from_pretrained(self.model, str(adapter), adapter_name=alias)
                self._has_adapters = True
            self.model.eval()
            self._aliases[adapter] = alias
        return self._aliases[adapter]

    def _generate(self, batch: list[Job]) -> None:
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        from cordelia.testbeds.backends.sampling import RowSampler, RowStop

        context, routing = self._routing(batch)
        longest = max(len(job.prompt) for job in batch)
        pad = self._pad()
        ids = torch.full((len(batch), longest), pad, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, job in enumerate(batch):
            ids[row, longest - len(job.prompt) :] = torch.tensor(job.prompt)
            mask[row, longest - len(job.prompt) :] = 1
        rows = [job.sampling for job in batch]
        sampler = RowSampler(rows, self.device)
        with torch.inference_mode(), context:
            output = self.model.generate(
                input_ids=ids.to(self.device),
                attention_mask=mask.to(self.device),
                do_sample=False,
                max_new_tokens=max(row.max_tokens for row in rows),
                logits_processor=LogitsProcessorList([sampler]),
                stopping_criteria=StoppingCriteriaList([RowStop(rows, longest, self.tokenizer)]),
                pad_token_id=pad,
                temperature=None,
                top_p=None,
                top_k=None,
                **routing,
            )
        written = output[:, longest:].tolist()
        for row, job in enumerate(batch):
            job.future.set_result(self._completion(written[row], job.sampling, sampler.scored.get(row, [])))

    def _score(self, batch: list[Scoring]) -> None:
        from cordelia.testbeds.backends.scoring import score_rows

        for job in batch:
            self._alias(job.adapter)  # the first adapter puts another model around the base
        for job, scores in zip(batch, score_rows(self.model, batch, self._pad(), self._routing), strict=True):
            job.future.set_result(scores)

    def _pad(self) -> int:
        pad = self.tokenizer.pad_token_id
        return int(self.tokenizer.eos_token_id if pad is None else pad)

    def _routing(self, batch: "Sequence[Job | Scoring]") -> "Routing":
        """What sends each row through its own adapter."""
        aliases = [self._alias(job.adapter) for job in batch]
        if len(set(aliases)) == 1:
            return self._only(aliases[0]), {}
        return nullcontext(), {"adapter_names": aliases} if self._has_adapters else {}

    def _only(self, alias: str) -> "nullcontext[None]":
        """A context in which every row goes through one adapter, or through none: cheaper than routing by row."""
        if not self._has_adapters:
            return nullcontext()
        if alias == BASE:
            return self.model.disable_adapter()  # type: ignore[no-any-return]
        self.model.set_adapter(alias)
        return nullcontext()

    def _completion(self, tokens: list[int], sampling: "Sampling", scores: "list[TokenScore]") -> Completion:
        ends = self.model.generation_config.eos_token_id
        ends = set(ends if isinstance(ends, list) else [ends])
        length = next((i for i, token in enumerate(tokens[: sampling.max_tokens]) if token in ends), None)
        stop_reason = "max_tokens" if length is None else "stop"
        tokens = tokens[: sampling.max_tokens if length is None else length]
        text = self.tokenizer.decode(tokens, skip_special_tokens=True)
        cuts = [text.index(stop) for stop in sampling.stops if stop in text]
        if cuts:
            text, stop_reason = text[: min(cuts)], "stop"
        return Completion(tokens=tokens, text=text, stop_reason=stop_reason, scores=scores[: len(tokens)])


def _target_error(error: Exception) -> TargetError:
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


class EnginePool:
    """The engines of this process, one per settings. Thread-safe; engines outlive the audit that started them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engines: dict[EngineSettings, Engine] = {}

    def get(self, settings: EngineSettings) -> Engine:
        with self._lock:
            return self._engines.setdefault(settings, Engine(settings))


ENGINES = EnginePool()
