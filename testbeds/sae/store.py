"""Residuals of a training text on disk, so that several epochs read the model once and a killed run goes on.

float16 [tokens, width] in one memory-mapped file; position 0 of every text is left out (its norm is about a hundred
times the others'). `done.json` says how many texts are in it, and is written after their numbers.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.vectors import Array

TEXTS_A_PASS = 16
Residuals = NDArray[np.float16]
_console = Console(stderr=True, highlight=False, soft_wrap=True)


class Reads(Protocol):
    """What reads a model; see Reader."""

    width: int

    def residuals(self, texts: Sequence[Sequence[int]]) -> list[Array]: ...


def offsets(texts: Sequence[Sequence[int]]) -> list[int]:
    """Where each text's tokens begin in the store, and where the last one's end."""
    found = [0]
    for text in texts:
        found.append(found[-1] + max(len(text) - 1, 0))
    return found


def stored(reader: Reads, texts: Sequence[Sequence[int]], work: Path) -> Residuals:
    """The residuals of all texts, [tokens, width], read from the model where they are not on disk yet.

    Raises:
        CordeliaError: a residual is no finite number in float16.
    """
    work.mkdir(parents=True, exist_ok=True)
    places = offsets(texts)
    path, mark = work / "residuals.f16", work / "done.json"
    done = json.loads(mark.read_text()) if mark.is_file() and path.is_file() else 0
    shape = (places[-1], reader.width)
    array = np.memmap(path, dtype=np.float16, mode="r+" if done else "w+", shape=shape)
    with Progress(console=_console, transient=True) as progress:
        task = progress.add_task("Reading the model", total=len(texts), completed=done)
        for start in range(done, len(texts), TEXTS_A_PASS):
            batch = texts[start : start + TEXTS_A_PASS]
            for number, hidden in enumerate(reader.residuals(batch), start):
                with np.errstate(over="ignore"):
                    rows = hidden[1:].astype(np.float16)
                if not np.isfinite(rows).all():
                    raise CordeliaError("A residual is too large for float16; this model cannot be read at this block.")
                array[places[number] : places[number + 1]] = rows
            array.flush()
            mark.write_text(json.dumps(start + len(batch)))
            progress.advance(task, len(batch))
    return np.memmap(path, dtype=np.float16, mode="r", shape=shape)
