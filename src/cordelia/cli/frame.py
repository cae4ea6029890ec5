"""`cordelia frame`: any pile of logs as one tidy table."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from cordelia.cli.extras import need_scoreboard, tell_skipped
from cordelia.contracts.errors import CordeliaError


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help="X.parquet or X.csv.")
@click.option("--cache/--no-cache", default=True, help="Keep what was read, so that the next run reads new logs alone.")
def frame(logs: tuple[str, ...], out: Path, cache: bool) -> None:
    """Write the audits in LOGS (log files and folders, local or s3://, gs://, …) as a table, one row a sample.

    Logs of other tasks are passed over and damaged ones named. A retried or rescored sample counts once, by its newest
    row. Tool checks, where there are any, go to a second table beside it.
    """
    need_scoreboard("cordelia frame")
    from cordelia.scoreboard.cache import default_cache
    from cordelia.scoreboard.reading import read_frame
    from cordelia.scoreboard.tables import check_ending, write_table

    check_ending(out)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading logs", total=None)
        reading = read_frame(
            logs,
            cache=default_cache() if cache else None,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    tell_skipped(reading)
    if reading.audits.is_empty() and reading.tool_checks.is_empty():
        raise CordeliaError("There is no audit in these logs. Run one: inspect eval cordelia/audit --model none")
    write_table(reading.audits, out)
    click.echo(f"{reading.audits.height:,} audits: {out}")
    if not reading.tool_checks.is_empty():
        beside = out.with_stem(f"{out.stem}.tool_checks")
        write_table(reading.tool_checks, beside)
        click.echo(f"{reading.tool_checks.height:,} tool checks: {beside}")
