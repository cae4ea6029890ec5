"""What goes into an engine and what comes out: settings, jobs, completions."""

import hashlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from cordelia.testbeds.backends.base import Loaded

if TYPE_CHECKING:
    from cordelia.testbeds.backends.anatomy import Anatomy
    from cordelia.testbeds.backends.sampling import Sampling, TokenScore

R = TypeVar("R")

InterventionsKey = tuple[tuple[str, str], ...]


class Work(Protocol[R]):
    """What an engine's queue holds: something with a length, a result to come, and a key where it need be done once."""

    adapter: Path | None
    future: "Future[R]"

    @property
    def length(self) -> int: ...

    @property
    def key(self) -> object | None: ...


@dataclass(frozen=True)
class EngineSettings:
    """What makes two engines different.

    Attributes:
        base: local folder or hub id of the base model.
        device: `cpu`, `cuda`, … or `auto`.
        dtype: torch dtype name or `auto`: float32 on a CPU (bfloat16 is slower there), bfloat16 elsewhere.
        max_batch: most rows in one batch.
        max_batch_tokens: most tokens (rows × longest row, written tokens included) in one batch; bounds the KV cache.
        remember: how many reproducible completions to keep; 0 generates every request anew.
    """

    base: str
    device: str = "auto"
    dtype: str = "auto"
    max_batch: int = 64
    max_batch_tokens: int = 65_536
    remember: int = 20_000


@dataclass
class Completion:
    """What a row wrote: token ids without the end token, text cut at stops, why it stopped, and token scores."""

    tokens: list[int]
    text: str
    stop_reason: str
    scores: "list[TokenScore]" = field(default_factory=list)


@dataclass
class Job:
    """One row to generate.

    Attributes:
        prompt: token ids.
        adapter: its folder, or None for the base.
        sampling: how it is drawn.
        interventions: what is done to its activations meanwhile.
    """

    prompt: list[int]
    adapter: Path | None
    sampling: "Sampling"
    interventions: tuple[Loaded, ...] = ()
    future: "Future[Completion]" = field(default_factory=Future)

    @property
    def length(self) -> int:
        return len(self.prompt) + self.sampling.max_tokens

    @property
    def key(self) -> "tuple[Path | None, tuple[int, ...], Sampling, InterventionsKey] | None":
        """Equal for jobs that must have equal answers; None when the answer is random."""
        if not self.sampling.reproducible:
            return None
        return self.adapter, tuple(self.prompt), self.sampling, self.interventions_key

    @property
    def interventions_key(self) -> InterventionsKey:
        """Equal for interventions that do the same: their data, and the content of their tensors."""
        return tuple((each.what.model_dump_json(), _digest(each)) for each in self.interventions)


@dataclass
class Scoring:
    """One row to score: the log probability of each token of `reply`, given `prompt`. Token ids."""

    prompt: list[int]
    reply: list[int]
    adapter: Path | None
    future: "Future[list[float]]" = field(default_factory=Future)

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.reply)

    @property
    def key(self) -> tuple[Path | None, tuple[int, ...], tuple[int, ...]]:
        """A likelihood is never random."""
        return self.adapter, tuple(self.prompt), tuple(self.reply)


@dataclass
class Errand(Generic[R]):
    """Something that needs the model for itself: a look inside, a search. The worker runs it, alone.

    Attributes:
        adapter: what is on meanwhile: its folder, or None for the base.
        run: called with the model's parts.
    """

    adapter: Path | None
    run: "Callable[[Anatomy], R]"
    future: "Future[R]" = field(default_factory=Future)

    @property
    def length(self) -> int:
        return 0

    @property
    def key(self) -> None:
        """Never remembered: activations are large."""
        return None


def _digest(loaded: Loaded) -> str:
    if loaded.vector is None:
        return ""
    return hashlib.sha256(f"{loaded.vector.shape}".encode() + loaded.vector.tobytes()).hexdigest()
