"""`cordelia new-testbed`: a folder to start from."""

from pathlib import Path

import click

from cordelia.testbeds.new import new_testbed


@click.command("new-testbed")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the testbed. Default: the name of DIR.")
def new_testbed_command(folder: Path, name: str | None) -> None:
    """Write a testbed into DIR that runs at once: one organism, one control, comments at every key.

    DIR must be new or empty. docs/extending.md goes on from here.
    """
    place = new_testbed(folder, name)
    for file in sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()):
        click.echo(f"{folder / file}")
    click.echo(f"\nAudit it:  inspect eval cordelia/audit -T testbed={_as_path(folder)} --model none")


def _as_path(folder: Path) -> str:
    """DIR as `-T testbed=` takes it: a bare word would be a testbed's name."""
    text = str(folder)
    return text if "/" in text else f"./{text}"
