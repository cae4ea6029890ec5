"""Where a sweep's logs lie, and whether what lies there already is its own.

An eval set takes every log of its folder for one of its own, so a folder belongs to one sweep, and a part has a folder
of its own inside it. Each log says of which sweep and cell it is.
"""

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

from inspect_ai.log import EvalLog, list_eval_logs, read_eval_log

from cordelia.contracts.errors import CordeliaError
from cordelia.sweeps.building import CELL, CELL_SHA256, SWEEP, digest
from cordelia.sweeps.cells import Cell, Part
from cordelia.sweeps.schema import Sweep

PART = re.compile(r"/(part-\d+-of-(\d+))/[^/]+$")
FRESH_S = 600.0
"""A log that was written so lately may still be written to."""


@dataclass(frozen=True)
class Place:
    """The folder of a sweep, or of a part of it.

    Attributes:
        root: the sweep's folder or URL.
        part: whose share is run here; None for the whole sweep.
    """

    root: str
    part: Part | None = None

    @property
    def folder(self) -> str:
        return f"{self.root.rstrip('/')}/{self.part.folder}" if self.part else self.root


def default_root(name: str) -> str:
    """The folder of a sweep that names none: in inspect's log folder, under the sweep's name."""
    return str(Path(os.environ.get("INSPECT_LOG_DIR", "logs")) / name)


def log_files(folder: str) -> list[str]:
    """The logs in a folder and the folders in it, none when there is no such folder; a file is itself."""
    if "://" not in folder and not Path(folder).is_dir():
        return [folder] if Path(folder).is_file() else []
    return [info.name.removeprefix("file://") for info in list_eval_logs(folder)]


def earlier_logs(place: Place, sweep: Sweep, cells: Sequence[Cell]) -> list[EvalLog]:
    """The headers of the logs that an earlier run left in the place.

    Args:
        place: where they lie.
        sweep: whose they must be.
        cells: what the place is to hold.

    Raises:
        CordeliaError: the folder holds other logs or more epochs, or the sweep was split in another way.
    """
    files = log_files(place.root)
    _refuse_other_split(place, files)
    inside = place.part.folder if place.part else None
    headers = [_header(file) for file in files if inside is None or f"/{inside}/" in file]
    wanted = {cell.name: digest(sweep, cell) for cell in cells}
    for header in headers:
        _refuse_other_cell(header, sweep.name, wanted)
    _refuse_fewer_epochs(headers, sweep.epochs)
    return headers


def maybe_written(place: Place, headers: Sequence[EvalLog]) -> str | None:
    """An unfinished log of the place that another process may still be writing, since it was written to lately."""
    unfinished = {header.location.removeprefix("file://") for header in headers if header.status == "started"}
    since = (time.time() - FRESH_S) * 1000
    infos = list_eval_logs(place.folder) if unfinished else []
    fresh = (info.name.removeprefix("file://") for info in infos if info.mtime is not None and info.mtime > since)
    return next((name for name in fresh if name in unfinished), None)


def _refuse_fewer_epochs(headers: Sequence[EvalLog], wanted: int) -> None:
    """inspect would write such a log anew with fewer epochs, and delete the one that holds them all."""
    longest = max(headers, key=_epochs, default=None)
    if longest is None or _epochs(longest) <= wanted:
        return
    had = _epochs(longest)
    raise CordeliaError(
        f"{longest.location} is of {had} epochs and the sweep asks for {wanted}, which would delete finished audits: "
        f"write epochs: {had} or more, or give another folder with --logs."
    )


def _epochs(header: EvalLog) -> int:
    return header.eval.config.epochs or 1


def _refuse_other_cell(header: EvalLog, sweep: str, wanted: Mapping[str, str]) -> None:
    metadata = header.eval.metadata or {}
    cell = str(metadata.get(CELL))
    if metadata.get(SWEEP) != sweep:
        raise CordeliaError(f"{header.location} is no log of the sweep '{sweep}'. Give another folder with --logs.")
    if cell not in wanted:
        raise CordeliaError(
            f"{header.location} is of the cell '{cell}', which the sweep has no more. "
            "Put it back into the file, move the log away, or give another folder with --logs."
        )
    if metadata.get(CELL_SHA256) != wanted[cell]:
        raise CordeliaError(
            f"{header.location} is of a cell '{cell}' that is not what it was: its auditor, models, affordances, "
            "testbed, budget or grader has changed. Give what has changed a name of its own, or another folder with "
            "--logs."
        )


def _refuse_other_split(place: Place, files: list[str]) -> None:
    """A sweep that is run whole and in parts, or in three parts and in four, would run audits twice."""
    found = {match[2] if (match := PART.search(file)) else None for file in files}
    wanted = str(place.part.of) if place.part else None
    for other in found - {wanted}:
        was = "whole" if other is None else f"in {other} parts"
        go_on = "without --part" if other is None else f"with --part K/{other}"
        raise CordeliaError(
            f"The sweep in {place.root} was begun {was}. Go on {go_on}, or give another folder with --logs."
        )


def _header(file: str) -> EvalLog:
    try:
        return read_eval_log(file, header_only=True)
    except (ValueError, OSError, KeyError, BadZipFile) as error:
        raise CordeliaError(f"{file} cannot be read ({error}). Move it away and go on.") from error
