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
COUNTS = ("audits", "cost of an audit")
"""Columns of the table that a terminal shows below the figures."""
INDENT = 5


@click.command("leaderboard")
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--reference",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The submission that you have checked: it sets what the others are held against.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it: FILE.html, .md or .json.")
def leaderboard(folders: tuple[Path, ...], reference: Path | None, out: Path | None) -> None:
    """Merge submissions (FOLDERS of `cordelia submission`) into a table for each testbed, version and split.

    The reference, or else the first one that is taken, sets what the others are held against: testbed version,
    organisms, truth, grader, threshold. What does not compare is refused with its reasons, and the others go on; the
    command then ends with code 1.
    """
    need_scoreboard("cordelia leaderboard")
    from cordelia.scoreboard.submission.leaderboard import leaderboard as merged

    if out is not None and out.suffix not in FORMATS:
        raise CordeliaError(f"--out {out}: write a file that ends in {', '.join(FORMATS)}.")
    board = merged(folders, reference)
    _show(board)
    if out is not None:
        _write(board, out)
        click.echo(f"Leaderboard: {out}")
    if board.refused:
        sys.exit(1)


def _show(board: "Leaderboard") -> None:
    """Print each entry as a few lines, so that no figure is cut however narrow the terminal is."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    from cordelia.scoreboard.submission.render import FIGURES, found_columns, header, rows, terms, title

    console = Console(highlight=False)
    for table in board.tables:
        console.print(Text(printable(title(table)), style="bold"))
        console.print(Text(printable(terms(table))))
        figures = ((*found_columns(table), *FIGURES), COUNTS)
        for cells in rows(table):
            told = {name: printable(cell) for name, cell in zip(header(table), cells, strict=True)}  # others' text
            model = "" if told["model"] == "–" else f" · {told['model']}"
            lines = [f"{told['auditor']}{model} with {told['set']}"]
            lines += ["; ".join(f"{name} {told[name]}" for name in names) for names in figures]
            lines.append(f"by {told['who']}, {told['date']}")
            for number, line in enumerate(lines):
                first = f"{told['']:>3}. " if number == 0 else ""
                shown = Text(f"{first}{line}", style="" if number else "bold")
                console.print(Padding(shown, (0, 0, 0, 0 if first else INDENT)))
        console.print()
    for note in board.notes:
        click.echo(f"note: {printable(note)}", err=True)
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
