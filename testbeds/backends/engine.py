"""One base model in this process, many adapters on it, and all waiting requests answered in batches.

Rows of one batch may be for different organisms: peft routes each row through its own adapter (`adapter_names`,
"__base__" for none), `RowSampler` gives each row its own sampling, `Interventions` its own hooks. Likelihoods and looks
inside wait in the same queue (`Worker`), because only its thread may switch adapters.
"""

import logging
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cordelia.testbeds.backends.ends import end_ids
from cordelia.testbeds.backends.jobs import Completion, EngineSettings, Errand, Job, R, Scoring
from cordelia.testbeds.backends.token_texts import TokenTexts
from cordelia.testbeds.backends.worker import Worker

if TYPE_CHECKING:
    from cordelia.testbeds.backends.anatomy import Anatomy
    from cordelia.testbeds.backends.sampling import Sampling, TokenScore
    from cordelia.testbeds.backends.scoring import Routing

logger = logging.getLogger(__name__)

_LOADING = threading.Lock()
"""One model loads at a time: transformers' lazy imports fail when two threads meet in them."""

BASE, UNKNOWN = "__base__", ""
MOST_ADAPTERS = 64
"""How many adapters stay loaded beyond those of the batch that runs: an auditor may ask for many scales of one."""


class Engine(Worker):
    """The worker thread of one base model. Shared by every organism on that base in this process."""

    def __init__(self, settings: EngineSettings) -> None:
        super().__init__(settings)
        self._loaded = False
        self._aliases: dict[Path, str] = {}
        self._made = 0
        self._on = UNKNOWN

    async def complete(self, jobs: Sequence[Job]) -> list[Completion]:
        """Answer jobs; each may share its batch with anybody's. Needs `ready`. Raises TargetError when it breaks."""
        return await self.finish(jobs)

    async def score(self, jobs: Sequence[Scoring]) -> list[list[float]]:
        """The log probability of each token of each reply. Needs `ready`. Raises TargetError when it breaks."""
        return await self.finish(jobs)

    async def run_alone(self, errands: Sequence[Errand[R]]) -> list[R]:
        """What each errand returns. Needs `ready`. Raises TargetError when it breaks, CordeliaError when it says so."""
        return await self.finish(errands)

    def ready(self) -> None:
        """Load the base unless it is loaded: tokenizer, weights, context length. Blocks; call it in a thread."""
        with _LOADING:
            if not self._loaded:
                self._load()
                self._loaded = True

    @cached_property
    def anatomy(self) -> "Anatomy":
        """The base's parts. Raises CordeliaError for a model in which they are not found: it can still be talked to."""
        from cordelia.testbeds.backends.anatomy import Anatomy

        return Anatomy.of(self._base)

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
        self._base = self.model  # peft puts another model around it
        self.words = TokenTexts(self.tokenizer)
        self.ends = frozenset(end_ids(self.tokenizer, self.model.generation_config.eos_token_id))
        self.context = int(getattr(self.model.config, "max_position_embeddings", 4096))
        self._has_adapters = False

    def _alias(self, adapter: Path | None) -> str:
        """The name under which peft knows an adapter; loads it at first use."""
        if adapter is None:
            return BASE
        if adapter not in self._aliases:
            from peft import PeftModel

            alias = f"a{self._made}"
            self._made += 1
            if self._has_adapters:
                self.model.load_adapter(str(adapter), adapter_name=alias)
            else:
                self.model = PeftModel.from_pretrained(self.model, str(adapter), adapter_name=alias)
                self._has_adapters = True
            self.model.eval()
            self._aliases[adapter], self._on = alias, UNKNOWN
        return self._aliases[adapter]

    def _forget(self, needed: "Collection[Path | None]") -> None:
        """Unload the adapters that were loaded first, beyond those that are needed now."""
        spare = [adapter for adapter in self._aliases if adapter not in needed]
        for adapter in spare[: max(len(spare) - MOST_ADAPTERS, 0)]:
            self.model.delete_adapter(self._aliases.pop(adapter))
            self._on = UNKNOWN

    def _generate(self, batch: list[Job]) -> None:
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        from cordelia.testbeds.backends.hooks import Interventions
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
        stop = RowStop(rows, longest, self.tokenizer, self.ends, self.device)
        interventions = Interventions(batch, self.anatomy if any(job.interventions for job in batch) else None)
        with torch.inference_mode(), context, interventions.applied(stop):
            output = self.model.generate(
                input_ids=ids.to(self.device),
                attention_mask=mask.to(self.device),
                do_sample=False,
                max_new_tokens=max(row.max_tokens for row in rows),
                logits_processor=LogitsProcessorList([sampler]),
                stopping_criteria=StoppingCriteriaList([stop]),
                pad_token_id=pad,
                temperature=None,
                top_p=None,
                top_k=None,
                **routing,
            )
        written = output[:, longest:].tolist()
        failures = interventions.failures(stop)
        for row, job in enumerate(batch):
            if row in failures:
                job.future.set_exception(failures[row])
            else:
                job.future.set_result(self._completion(written[row], job.sampling, sampler.scored.get(row, [])))

    def _score(self, batch: list[Scoring]) -> None:
        from cordelia.testbeds.backends.scoring import score_rows

        for job in batch:
            self._alias(job.adapter)  # the first adapter puts another model around the base
        for job, scores in zip(batch, score_rows(self.model, batch, self._pad(), self._routing), strict=True):
            job.future.set_result(scores)

    def _go(self, batch: "list[Errand[Any]]") -> None:
        for errand in batch:
            self._routing([errand])
            errand.future.set_result(errand.run(self.anatomy))

    def _pad(self) -> int:
        pad = self.tokenizer.pad_token_id
        return int(self.tokenizer.eos_token_id if pad is None else pad)

    def _routing(self, batch: "Sequence[Job | Scoring | Errand[Any]]") -> "Routing":
        """What sends each row through its own adapter."""
        self._forget({job.adapter for job in batch})
        aliases = [self._alias(job.adapter) for job in batch]
        if len(set(aliases)) == 1:
            self._only(aliases[0])
            return nullcontext(), {}
        self._only(next(alias for alias in aliases if alias != BASE))  # routing by row needs adapters to be on
        return self._mixed(), {"adapter_names": aliases}

    def _only(self, alias: str) -> None:
        """Send every row through one adapter, or through none: cheaper than routing by row. Switching is not, so what
        is on stays on."""
        if not self._has_adapters or alias == self._on:
            return
        if alias == BASE:
            self.model.base_model.disable_adapter_layers()
        else:
            if self._on in (BASE, UNKNOWN):
                self.model.base_model.enable_adapter_layers()
            self.model.set_adapter(alias, inference_mode=True)
        self._on = alias

    @contextmanager
    def _mixed(self) -> Iterator[None]:
        """Rows are routed by name. peft leaves its routing behind when the pass breaks, and it would reach the next."""
        try:
            yield
        except BaseException:
            for module in self.model.modules():
                if hasattr(module, "lora_A"):
                    module._forward_pre_hooks.clear()
            raise

    def _completion(self, tokens: list[int], sampling: "Sampling", scores: "list[TokenScore]") -> Completion:
        length = next((i for i, token in enumerate(tokens[: sampling.max_tokens]) if token in self.ends), None)
        stop_reason = "max_tokens" if length is None else "stop"
        tokens = tokens[: sampling.max_tokens if length is None else length]
        text = self.tokenizer.decode(tokens, skip_special_tokens=True)
        cuts = [text.index(stop) for stop in sampling.stops if stop in text]
        if cuts:
            text, stop_reason = text[: min(cuts)], "stop"
        return Completion(tokens=tokens, text=text, stop_reason=stop_reason, scores=scores[: len(tokens)])


class EnginePool:
    """The engines of this process, one per settings. Thread-safe; engines outlive the audit that started them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engines: dict[EngineSettings, Engine] = {}

    def get(self, settings: EngineSettings) -> Engine:
        with self._lock:
            return self._engines.setdefault(settings, Engine(settings))


ENGINES = EnginePool()
