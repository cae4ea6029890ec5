"""`cordelia leaderboard`: many submissions in one table, and what does not compare refused, saying why."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cordelia.cli.extras import need_scoreboard
from cordelia.contracts.errors import CordeliaError, printable

if TYPE_CHECKING:  # polars is not loaded for `cordelia --help`
    from cordelia.scoreboard.submission.leaderboard import Leaderboard

FORMATS = (".html", ".md", ".json")
FIGURES = ("", "found", "false positives", "audits")
TERMINAL = ("", "auditor", "set", "found", "false positives", "audits", "who")
"""What fits beside each other in a terminal; --out has all columns."""


@click.command("leaderboard")
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it: FILE.html, .md or .json.")
def leaderboard(folders: tuple[Path, ...], out: Path | None) -> None:
    """Merge submissions (FOLDERS of `cordelia submission`) into a table for each testbed, version and split.

    The first one that is taken sets what the others are held against: testbed version, truth, grader, threshold. What
    does not compare is refused with its reasons, and the others go on; the command then ends with code 1.
    """
    need_scoreboard("cordelia leaderboard")
    from cordelia.scoreboard.submission.leaderboard import leaderboard as merged

    if out is not None and out.suffix not in FORMATS:
        raise CordeliaError(f"--out {out}: write a file that ends in {', '.join(FORMATS)}.")
    board = merged(folders)
    _show(board)
    if out is not None:
        _write(board, out)
        click.echo(f"Leaderboard: {out}")
    if board.refused:
        sys.exit(1)


def _show(board: "Leaderboard") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from cordelia.scoreboard.submission.render import HEADER, rows, terms, title

    console = Console()
    for table in board.tables:
        shown = Table(title=title(table), title_justify="left", header_style="bold")
        for name in TERMINAL:
            shown.add_column(name, no_wrap=name in FIGURES)
        for cells in rows(table):
            by_name = dict(zip(HEADER, cells, strict=True))
            shown.add_row(*(Text(printable(by_name[name])) for name in TERMINAL))  # somebody else's text: no markup
        console.print(shown, highlight=False, markup=False)
        console.print(Text(printable(terms(table))))
    for each in board.refused:
        for reason in each.reasons:
            click.echo(f"refused: {printable(each.folder)}: {printable(reason)}", err=True)


def _write(board: "Leaderboard", out: Path) -> None:
    from cordelia.scoreboard.submission.render import html, markdown

    if out.suffix == ".json":
        text = board.model_dump_json(indent=1) + "\n"
    else:
        text = html(board) if out.suffix == ".html" else markdown(board)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f"{out.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(out)
