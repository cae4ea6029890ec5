"""Interventions in a batch that is written: forward hooks on blocks, each row under its own.

Rows with equal interventions form a group that shares one compiled function. A row's padding, and what is fed to a row
that has ended, is nobody's token. What goes wrong in a group is kept and fails its own rows when the batch is done; a
hook never raises, because the others' batch goes through it too.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import nn

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.backends.anatomy import Anatomy, output_of, with_output
from cordelia.testbeds.backends.base import Loaded, TargetError
from cordelia.testbeds.backends.block_function import BlockFunction, Tokens
from cordelia.testbeds.backends.compiler import applied, check_positions, compile_interventions, expected_applications
from cordelia.testbeds.backends.jobs import Job
from cordelia.testbeds.backends.sampling import RowStop


@dataclass
class _Group:
    loaded: tuple[Loaded, ...]
    rows: list[int]
    functions: dict[int, BlockFunction] = field(default_factory=dict)
    error: Exception | None = None


class Interventions:
    """What is done to the rows of one batch.

    Args:
        batch: its jobs; prompts are padded on the left to the longest.
        anatomy: of the model; not needed when nobody intervenes.
    """

    def __init__(self, batch: Sequence[Job], anatomy: Anatomy | None) -> None:
        self._anatomy = anatomy
        self._prompts = [len(job.prompt) for job in batch]
        self._groups: list[_Group] = []
        if anatomy is None:
            return
        groups: dict[object, _Group] = {}
        for row, job in enumerate(batch):
            if job.interventions:
                groups.setdefault(job.interventions_key, _Group(job.interventions, [])).rows.append(row)
        self._groups = list(groups.values())
        for group in self._groups:
            try:
                group.functions = compile_interventions(group.loaded, len(anatomy.blocks), anatomy.width)
            except CordeliaError as error:
                group.error = error

    @contextmanager
    def applied(self, stop: RowStop) -> Iterator[None]:
        """Apply them to one call of `generate`; `stop` knows which rows have ended."""
        blocks = sorted({block for group in self._groups for block in group.functions})
        if self._anatomy is None or not blocks:
            yield
            return
        hook = _Hook(self._groups, self._prompts, stop, self._anatomy.device)
        handles = [self._anatomy.blocks[block].register_forward_hook(partial(hook, block)) for block in blocks]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def failures(self, stop: RowStop) -> dict[int, Exception]:
        """The rows whose interventions were not applied as they should have been, and why."""
        return {row: error for group in self._groups for row, error in self._failures(group, stop.lengths.tolist())}

    def _failures(self, group: _Group, written: list[int]) -> Iterator[tuple[int, Exception]]:
        if group.error is not None:
            error = group.error
            if not isinstance(error, CordeliaError):
                error = TargetError(f"an intervention failed: {type(error).__name__}: {error}")
            yield from ((row, error) for row in group.rows)
            return
        wanted = [0] * len(group.loaded)
        for row in group.rows:
            read = self._prompts[row] + written[row] - 1  # the last token written is not read
            expected = expected_applications(group.loaded, self._prompts[row], read)
            wanted = [total + more for total, more in zip(wanted, expected, strict=True)]
            try:
                check_positions(group.loaded, read)
            except CordeliaError as error:
                yield row, error
        found = applied(group.functions.values())
        if [found[number] for number in range(len(wanted))] != wanted:
            short = TargetError(f"interventions were applied to {sorted(found.items())} tokens and not to {wanted}")
            yield from ((row, short) for row in group.rows)


class _Hook:
    """The forward hook of every block; counts the columns that each block has seen."""

    def __init__(self, groups: list[_Group], prompts: list[int], stop: RowStop, device: torch.device) -> None:
        self._groups = groups
        self._stop = stop
        self._prompts = torch.tensor(prompts, device=device).unsqueeze(1)
        self._padding = stop.prompt_length - self._prompts
        self._rows = {
            id(group): None if len(group.rows) == len(prompts) else torch.tensor(group.rows, device=device)
            for group in groups
        }
        self._columns: dict[int, int] = defaultdict(int)

    def __call__(self, block: int, module: nn.Module, arguments: object, result: Any) -> Any:
        hidden = output_of(result)
        start = self._columns[block]
        self._columns[block] = start + hidden.shape[1]
        columns = torch.arange(start, start + hidden.shape[1], device=hidden.device)
        positions = (columns - self._padding).masked_fill(self._stop.done.unsqueeze(1), -1)
        replies = positions >= self._prompts
        for group in self._groups:
            if block in group.functions and group.error is None:
                try:
                    hidden = self._changed(group, block, hidden, positions, replies)
                except Exception as error:  # noqa: BLE001 - whatever it is, it fails this group's rows and no others
                    group.error = error
        return with_output(result, hidden)

    def _changed(
        self, group: _Group, block: int, hidden: torch.Tensor, positions: torch.Tensor, replies: torch.Tensor
    ) -> torch.Tensor:
        rows = self._rows[id(group)]
        part = hidden if rows is None else hidden[rows]
        if rows is not None:
            positions, replies = positions[rows], replies[rows]
        tokens = Tokens(positions.reshape(-1), replies.reshape(-1))
        changed = group.functions[block](tokens, part.reshape(-1, part.shape[-1])).view_as(part)
        return changed if rows is None else hidden.index_copy(0, rows, changed)
