"""`cordelia sweep`: auditors × affordance sets × testbeds × budgets from one file."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

if TYPE_CHECKING:
    from cordelia.sweeps.plan import Plan
    from cordelia.sweeps.running import LeftOver


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--plan", "only_plan", is_flag=True, help="Print what would run, and stop.")
@click.option("--part", help="K/N: run the K-th of N shares; each machine or process of a sweep runs one.")
@click.option("--logs", help="Folder (or URL) for the logs. Default: the sweep's name in inspect's log folder.")
@click.option("--like", multiple=True, help="Logs of earlier audits, a file or a folder, to estimate from.")
@click.option("--yes", is_flag=True, help="Do not ask before it starts.")
@click.option("--display", help="inspect's display: full, rich, plain, log, none.")
def sweep(
    file: Path,
    only_plan: bool,
    part: str | None,
    logs: str | None,
    like: tuple[str, ...],
    yes: bool,
    display: str | None,
) -> None:
    """Run the sweep in FILE, or go on with it: what is finished is not run again.

    Prints the plan first. With a terminal it asks once; without one, and where CI is set, it asks nothing. Exits with
    1 when something failed and stayed failed after its retries.
    """
    from cordelia.sweeps.auditors import check_auditors
    from cordelia.sweeps.cells import Part, cells_of
    from cordelia.sweeps.history import read_history
    from cordelia.sweeps.locking import surely_free
    from cordelia.sweeps.places import Place, default_root, earlier_logs, log_files, maybe_written
    from cordelia.sweeps.plan import finished_in, plan_of
    from cordelia.sweeps.prices import set_prices
    from cordelia.sweeps.providers import check_models
    from cordelia.sweeps.schema import read_sweep

    asked = read_sweep(file)
    check_auditors(asked, file)
    check_models(asked, file)
    share = Part.read(part) if part else None
    everything = cells_of(asked)
    cells = everything if share is None else share.share(everything)
    place = Place(logs or default_root(asked.name), share)
    sure = only_plan or surely_free(place.folder)
    before = earlier_logs(place, asked, cells)
    set_prices(asked.prices)
    history = read_history([log for source in (place.root, *like) for log in log_files(source)])
    plan = plan_of(asked, everything, cells, history, finished_in(before, cells))
    _show(plan, place.folder)
    if not sure and (log := maybe_written(place, before)):
        _warn(log)
    if only_plan or not cells or not (yes or _agreed()):
        return
    from cordelia.sweeps.running import run_sweep

    try:
        left = run_sweep(asked, cells, place, click.echo, plan.done, display or _display())
    except KeyboardInterrupt:
        click.echo("Stopped. What is finished is in the logs; the same command goes on from there.", err=True)
        sys.exit(130)
    if left:
        _tell(left)
        sys.exit(1)
    click.echo(f"Done: {plan.samples:,} samples in {place.folder}")


def _show(plan: "Plan", folder: str) -> None:
    from cordelia.sweeps.plan import ground, headline, table

    # without a terminal nothing says how wide a line may be, and a cell's name is to be found whole
    console = Console(width=None if sys.stdout.isatty() else max(160, shutil.get_terminal_size().columns))
    click.echo(f"{headline(plan)}\n")
    console.print(table(plan), highlight=False)
    click.echo(f"\n{ground(plan)}\nLogs: {folder}")


def _warn(log: str) -> None:
    click.echo(
        f"Warning: {log} is not finished and was written to within the last minutes. If another process still runs "
        "this sweep, wait for it: two would run everything twice, and one would delete the other's logs. This folder "
        "cannot be locked, so nobody can know.",
        err=True,
    )


def _agreed() -> bool:
    """Asks where somebody can answer."""
    return bool(os.environ.get("CI")) or not _terminal() or click.confirm("Run it?", default=True)


def _terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _display() -> str | None:
    """Lines alone where there is no terminal; None leaves it to the user's own setting."""
    return None if sys.stdout.isatty() or "INSPECT_DISPLAY" in os.environ else "log"


def _tell(left: "Sequence[LeftOver]") -> None:
    for each in left:
        what = ", ".join(each.samples) or "the cell itself"
        click.echo(f"left over: {each.cell}: {what}: {each.why}\n  {each.log}", err=True)
    click.echo("The same command tries what is left over again.", err=True)
