"""A line for every cell that has ended, beside inspect's own display."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from inspect_ai.hooks import Hooks, TaskEnd, hooks

from cordelia.sweeps.building import CELL, SWEEP


@dataclass
class Progress:
    """The sweep under way.

    Attributes:
        total: cells that run now.
        say: where a line goes.
        ended: cells that have ended, each once, however often it was tried.
    """

    sweep: str
    total: int
    say: Callable[[str], None]
    ended: set[str] = field(default_factory=set)

    def line(self, cell: str, status: str, samples: int, errors: int) -> str:
        self.ended.add(cell)
        left = f", {errors} failed" if errors else ""
        state = "" if status == "success" else f" ({status})"
        return f"cell {len(self.ended)} of {self.total}: {cell}{state}, {samples - errors} samples{left}"


_UNDER_WAY: list[Progress] = []


@contextmanager
def told(progress: Progress) -> Iterator[None]:
    """While a sweep runs, its cells are told as they end."""
    _UNDER_WAY.append(progress)
    try:
        yield
    finally:
        _UNDER_WAY.remove(progress)


@hooks(name="cordelia_sweep", description="a line for every cell of a sweep that has ended")
class CellEnds(Hooks):
    """Does nothing outside of a sweep."""

    def enabled(self) -> bool:
        return bool(_UNDER_WAY)

    async def on_task_end(self, data: TaskEnd) -> None:
        metadata = data.log.eval.metadata or {}
        for progress in _UNDER_WAY:
            if metadata.get(SWEEP) == progress.sweep and data.log.results is not None:
                results = data.log.results
                errors = results.total_samples - results.completed_samples
                progress.say(progress.line(str(metadata.get(CELL)), data.log.status, results.total_samples, errors))
