"""The numbers behind a page as a file: the board, its logs named without this machine's folders."""

from collections.abc import Mapping

from cordelia.scoreboard.models import Board, CellResult, Skipped
from cordelia.scoreboard.page.words import place


def numbers(board: Board, bundled: Mapping[str, str]) -> str:
    """The board as JSON. `bundled` says where in the report logs lie; others go by the last of their path."""
    groups = [
        group.model_copy(update={"cells": [_cell(cell, bundled) for cell in group.cells]}) for group in board.groups
    ]
    skipped = {
        name: [_skipped(each) for each in getattr(board, name)] for name in ("passed_over", "damaged", "unfinished")
    }
    shown = board.model_copy(update={"groups": groups, **skipped})
    return shown.model_dump_json(indent=1, exclude_defaults=True) + "\n"


def _cell(cell: CellResult, bundled: Mapping[str, str]) -> CellResult:
    links = [link.model_copy(update={"log": bundled.get(link.log, place(link.log))}) for link in cell.samples]
    return cell.model_copy(update={"samples": links})


def _skipped(skipped: Skipped) -> Skipped:
    return skipped.model_copy(update={"file": place(skipped.file)})
