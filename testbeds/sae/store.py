"""Residuals of a training text on disk, so that several epochs read the model once and a killed run goes on.

float16 [tokens, width] and their lengths, float32 [tokens], in memory-mapped files; position 0 of every text is left
out (its norm is about a hundred times the others'). Other attention sinks are in the files, since only the lengths of
all tokens say which they are, and nothing that is taken from the store by `counted` holds one. `done.json` says how
many texts are in the files, and is written after their numbers.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.sae.sinks import Counted, SinkRule, all_count, lengths_of
from cordelia.testbeds.vectors import Array

TEXTS_A_PASS = 16
ROWS = 4_096
Residuals = NDArray[np.float16]
_console = Console(stderr=True, highlight=False, soft_wrap=True)


class Reads(Protocol):
    """What reads a model; see Reader."""

    width: int

    def residuals(self, texts: Sequence[Sequence[int]]) -> list[Array]: ...


@dataclass(frozen=True)
class Stored:
    """What was read of a model.

    Attributes:
        residuals: of all tokens of all texts but the first of each, in order, [tokens, width]. A number that float16
            cannot hold is infinite.
        lengths: of those activations, as the model had them, [tokens].
    """

    residuals: Residuals
    lengths: Array

    def counted(self, rule: SinkRule | None) -> Counted:
        """Which tokens are not left out, [tokens]. Raises CordeliaError: one of them is beyond float16."""
        counted = rule.counts(self.lengths) if rule else all_count(self.lengths)
        for start in range(0, len(counted), ROWS):
            rows = self.residuals[start : start + ROWS]
            if not np.isfinite(rows[counted[start : start + ROWS]]).all():
                raise CordeliaError("A residual is too large for float16; this model cannot be read at this block.")
        return counted


class Rows:
    """Some of the residuals of a store, which stay on disk until they are asked for."""

    def __init__(self, residuals: Residuals, places: NDArray[np.int64] | None = None) -> None:
        self._residuals = residuals
        self._places = np.arange(len(residuals)) if places is None else places
        self.width = int(residuals.shape[1])

    def __len__(self) -> int:
        return len(self._places)

    def take(self, chosen: NDArray[np.int64] | slice) -> Array:
        """The residuals at these places among the rows, float32 [chosen, width]."""
        result: Array = self._residuals[self._places[chosen]].astype(np.float32)
        return result


def offsets(texts: Sequence[Sequence[int]]) -> list[int]:
    """Where each text's tokens begin in the store, and where the last one's end."""
    found = [0]
    for text in texts:
        found.append(found[-1] + max(len(text) - 1, 0))
    return found


def _note(mark: Path, done: int) -> None:
    part = mark.with_suffix(".part")
    part.write_text(json.dumps(done), encoding="utf-8")
    part.replace(mark)


def stored(reader: Reads, texts: Sequence[Sequence[int]], work: Path) -> Stored:
    """The residuals of all texts and their lengths, read from the model where they are not on disk yet.

    Raises:
        CordeliaError: a residual is no number.
    """
    work.mkdir(parents=True, exist_ok=True)
    places = offsets(texts)
    files, mark = (work / "residuals.f16", work / "lengths.f32"), work / "done.json"
    done = json.loads(mark.read_text()) if mark.is_file() and all(file.is_file() for file in files) else 0
    shape = (places[-1], reader.width)
    mode: Literal["r+", "w+"] = "r+" if done else "w+"
    residuals = np.memmap(files[0], dtype=np.float16, mode=mode, shape=shape)
    lengths = np.memmap(files[1], dtype=np.float32, mode=mode, shape=shape[:1])
    with Progress(console=_console, transient=True) as progress:
        task = progress.add_task("Reading the model", total=len(texts), completed=done)
        for start in range(done, len(texts), TEXTS_A_PASS):
            batch = texts[start : start + TEXTS_A_PASS]
            for number, hidden in enumerate(reader.residuals(batch), start):
                rows = hidden[1:]
                if not np.isfinite(rows).all():
                    raise CordeliaError("A residual is no number; this model cannot be read at this block.")
                where = slice(places[number], places[number + 1])
                with np.errstate(over="ignore"):
                    residuals[where] = rows.astype(np.float16)
                lengths[where] = lengths_of(rows)
            residuals.flush()
            lengths.flush()
            _note(mark, start + len(batch))
            progress.advance(task, len(batch))
    return Stored(
        np.memmap(files[0], dtype=np.float16, mode="r", shape=shape),
        np.memmap(files[1], dtype=np.float32, mode="r", shape=shape[:1]),
    )
