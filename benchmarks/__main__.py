"""The one command: runs benchmarks, writes a JSON file each, prints tables."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import click

from benchmarks.machine import ROOT, machine
from benchmarks.results import Result, markdown, write
from cordelia.contracts.errors import CordeliaError, unknown_name

NAMES = (
    "throughput",
    "turn",
    "switch",
    "clone",
    "kill",
    "capture",
    "intervention",
    "search",
    "semantic",
    "sweep",
    "sweep_kill",
    "coverage",
    "frame",
    "page",
)


def benchmark(name: str) -> Callable[[bool], Result]:
    """The function that runs a benchmark. Raises CordeliaError for an unknown name."""
    if name not in NAMES:
        raise unknown_name("benchmark", name, NAMES)
    run: Callable[[bool], Result] = import_module(f"benchmarks.{name}").run
    return run


@click.command(help=f"Measure what Cordelia costs. NAMES: {', '.join(NAMES)} (default: all).")
@click.argument("names", nargs=-1)
@click.option("--quick", is_flag=True, help="Few repeats of small work: to see that it runs, not to quote.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=ROOT / "benchmarks" / "results", help="Folder for JSON."
)
def main(names: tuple[str, ...], quick: bool, out: Path) -> None:
    try:
        chosen = {name: benchmark(name) for name in names or NAMES}
        for run in chosen.values():
            facts = machine()
            result = run(quick)
            path = write(result, facts, quick, out)
            click.echo(f"{markdown(result)}\n\n{path}\n")
    except CordeliaError as error:
        click.echo(f"benchmarks: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
