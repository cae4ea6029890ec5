"""`cordelia report`: from any pile of logs to one page with its figures, tables and transcripts."""

from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from cordelia.cli.extras import need_scoreboard, tell_skipped
from cordelia.contracts.errors import CordeliaError


@click.command()
@click.argument("logs", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write: new, or an older report.")
@click.option("--transcripts/--no-transcripts", default=True, help="Bundle the logs with inspect's viewer (default).")
@click.option("--title", help="Heading of the page.")
@click.option(
    "--labels",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Figures of `cordelia grade-check --out`: how far the grader agrees with labelled reports.",
)
@click.option("--cache/--no-cache", default=True, help="Keep what was read, so that the next run reads new logs alone.")
def report(
    logs: tuple[str, ...], out: Path, transcripts: bool, title: str | None, labels: tuple[Path, ...], cache: bool
) -> None:
    """Write the audits in LOGS (log files and folders, local or s3://, gs://, …) as a page.

    The folder --out gets index.html, which needs nothing else, the figures as SVG and PNG, the numbers behind them
    (board.json), the frame as parquet and CSV, and the transcripts in inspect's viewer. Transcripts hold the truths
    that audits were graded by: leave them out of what you publish while those are sealed.
    """
    need_scoreboard("cordelia report")
    from cordelia.scoreboard.agreement import agreement_with_labels
    from cordelia.scoreboard.cache import default_cache
    from cordelia.scoreboard.page.render import headline
    from cordelia.scoreboard.page.write import check_folder, write_report
    from cordelia.scoreboard.reading import read_frame

    _keep_apart(out, logs)
    check_folder(out)
    with_labels = [each for file in labels for each in agreement_with_labels(file)]
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("reading logs", total=None)
        reading = read_frame(
            logs,
            cache=default_cache() if cache else None,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
        if reading.audits.is_empty():
            raise CordeliaError("There is no audit in these logs. Run one: inspect eval cordelia/audit --model none")
        bar.add_task("drawing", total=None)
        written = write_report(reading, out, title, transcripts, with_labels)
    for group in written.board.groups:
        click.echo(f"{group.testbed} {group.testbed_version}, {group.split} ({group.samples:,} audits)")
        click.echo("".join(f"  {line}\n" for line in headline(group)))
    tell_skipped(reading)
    click.echo(f"Page: {written.page} ({written.size / 1e6:.1f} MB)")
    if transcripts:
        click.echo(f"Its transcripts open from a web server: python -m http.server --directory {out}")


def _keep_apart(out: Path, logs: tuple[str, ...]) -> None:
    """A report within a folder of logs would be read as logs the next time. Raises CordeliaError."""
    for place in logs:
        folder = Path(place.removeprefix("file://"))
        if folder.is_dir() and out.resolve().is_relative_to(folder.resolve()):
            raise CordeliaError(f"{out} lies within the logs in {place}; name a folder beside them with --out.")
