"""The report as a folder: the page, its figures and numbers, the frame, and the transcripts in inspect's viewer."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.board import board as board_of
from cordelia.scoreboard.models import Agreement, Board
from cordelia.scoreboard.page.figures import Drawn, figures
from cordelia.scoreboard.page.labels import labelled
from cordelia.scoreboard.page.numbers import numbers
from cordelia.scoreboard.page.order import ordered
from cordelia.scoreboard.page.render import GENERATOR, page
from cordelia.scoreboard.page.viewer import FOLDER, address, bundle, names
from cordelia.scoreboard.page.words import place, slug
from cordelia.scoreboard.reading import Reading
from cordelia.scoreboard.tables import write_table

PAGE, FIGURES, BOARD = "index.html", "figures", "board.json"
_HEAD_OF_PAGE = 2_000
"""Bytes of a page in which its generator stands."""


@dataclass(frozen=True)
class Report:
    """What was written: the page, its size in bytes, and the board that it shows."""

    page: Path
    size: int
    board: Board


def write_report(
    reading: Reading,
    out: Path,
    title: str | None = None,
    transcripts: bool = True,
    with_labels: Sequence[Agreement] = (),
) -> Report:
    """Write a report into the folder `out`, in place of an older one.

    Args:
        reading: what was read.
        out: a folder that is new, empty, or a report.
        title: the page's heading; None names the testbeds.
        transcripts: whether the logs and a viewer go with it.
        with_labels: how far graders agree with labelled reports (`agreement.agreement_with_labels`).

    Raises:
        CordeliaError: `out` is somebody's folder, cannot be written, or a log is gone.
    """
    check_folder(out)
    board = labelled(ordered(board_of(reading, with_labels)))
    named = names(link.log for group in board.groups for cell in group.cells for link in cell.samples)
    drawn = {slug(group): figures(group) for group in board.groups}
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write_figures(drawn, out / FIGURES)
        shutil.rmtree(out / FOLDER, ignore_errors=True)
        if transcripts:
            bundle(named, out)
        text = page(
            board,
            drawn,
            partial(address, named) if transcripts else None,
            title or f"Audits of {' and '.join(dict.fromkeys(group.testbed for group in board.groups))}",
            out.name,
        )
        bundled = {log: f"{FOLDER}/logs/{name}" for log, name in named.items()} if transcripts else {}
        _tables(reading, out, bundled)
        (out / BOARD).write_text(numbers(board, bundled), encoding="utf-8")
        part = out / f".{PAGE}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(out / PAGE)
    except OSError as error:
        raise CordeliaError(f"The report cannot be written to {out}: {error.strerror or error}.") from error
    return Report(out / PAGE, len(text.encode()), board)


def check_folder(out: Path) -> None:
    """Refuse a folder in which something is somebody else's. Raises CordeliaError."""
    if out.exists() and not out.is_dir():
        raise CordeliaError(f"{out} is a file, and a report is a folder; name another one with --out.")
    held = [each.name for each in out.iterdir()] if out.is_dir() else []
    if held and not _is_report(out / PAGE):
        raise CordeliaError(f"The folder {out} holds other things ({held[0]}); name a new or empty one with --out.")


def _is_report(index: Path) -> bool:
    if not index.is_file():
        return False
    with index.open("rb") as file:
        return GENERATOR.encode() in file.read(_HEAD_OF_PAGE)


def _write_figures(drawn: Mapping[str, Mapping[str, Drawn]], folder: Path) -> None:
    """Write every figure as SVG and PNG, in place of older ones."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for part, held in drawn.items():
        for name, figure in held.items():
            (folder / f"{part}-{name}.svg").write_text(figure.wide, encoding="utf-8")
            (folder / f"{part}-{name}.png").write_bytes(figure.raster)


def _tables(reading: Reading, out: Path, bundled: dict[str, str]) -> None:
    """The frame as parquet and CSV; logs are named by where they lie in the report, or without this machine's path."""
    for stem, table in (("frame", reading.audits), ("frame.tool_checks", reading.tool_checks)):
        known = {log: bundled.get(log, place(log)) for log in table["log"].unique().to_list()}
        shown = table.with_columns(pl.col("log").replace_strict(known, return_dtype=pl.String()))
        for ending in ("parquet", "csv"):
            path = out / f"{stem}.{ending}"
            if stem == "frame" or not table.is_empty():
                write_table(shown, path)
            else:
                path.unlink(missing_ok=True)
