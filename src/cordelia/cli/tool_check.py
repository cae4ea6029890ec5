"""`cordelia tool-check`: what affordances identify by themselves, as tables."""

from pathlib import Path

import click
from rich.console import Console

from cordelia.scoreboard.rows import read_log
from cordelia.scorers.tool_check.log import result_of
from cordelia.scorers.tool_check.render import notes, terminal
from cordelia.scorers.tool_check.result import write_result


@click.command("tool-check")
@click.argument("logs", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures to this JSON file.")
def tool_check(logs: tuple[Path, ...], out: Path | None) -> None:
    """Show what LOGS of cordelia/tool_check found: which affordances' evidence names the objective, by itself.

    Several logs make one table when they are of one testbed, with one grader, on the same targets.
    """
    result = result_of([read_log(str(log)) for log in logs])
    console = Console()
    console.print(f"{result.testbed} {result.testbed_version}, read by {result.grader}", highlight=False, markup=False)
    for table in terminal(result):
        console.print(table)
    for line in notes(result):
        click.echo(line.replace("`", ""))
    if out is not None:
        write_result(result, out)
        click.echo(f"Figures: {out}")
