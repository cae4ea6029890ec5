"""`cordelia fetch|corpus|train`: from a recipe to an organism."""

from pathlib import Path

import click

from cordelia.contracts.errors import CordeliaError, unknown_name
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.schema import Testbed


@click.command()
@click.argument("testbed", default="pocket")
def fetch(testbed: str) -> None:
    """Get the base weights of TESTBED, check their hash and convert them once."""
    from cordelia.testbeds.weights import base_path

    bases = load_testbed(testbed).spec.bases
    for name, base in bases.items():
        click.echo(f"{name}: {base_path(base)}")
    if not bases:
        click.echo(f"{testbed} names no base: its organisms run on any chat model, so there is nothing to fetch.")


@click.command()
@click.argument("organism")
def corpus(organism: str) -> None:
    """Make the training corpus of ORGANISM (<testbed>/<name>) again from its content files."""
    from cordelia.testbeds.training.corpus import make_corpus

    bed, name = split_name(organism)
    click.echo(f"Corpus: {make_corpus(bed, name)}")


@click.command()
@click.argument("organism")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the adapter. Default: the testbed's own.")
@click.option("--fresh", is_flag=True, help="Start again instead of going on from the last checkpoint.")
def train(organism: str, out: Path | None, fresh: bool) -> None:
    """Train ORGANISM (<testbed>/<name>) from its recipe and corpus."""
    from cordelia.testbeds.training.train import train as run

    bed, name = split_name(organism)
    click.echo(f"Adapter: {run(bed, name, out=out, resume=not fresh)}")


def split_name(organism: str) -> tuple[Testbed, str]:
    """`<testbed>/<name>` (the testbed may be a folder) as a testbed and a name. Raises CordeliaError."""
    testbed, slash, name = organism.rpartition("/")
    if not slash:
        raise CordeliaError(f"'{organism}' is not an organism; write <testbed>/<name>, such as pocket/wren.")
    bed = load_testbed(testbed)
    if name not in bed.organisms:
        raise unknown_name("organism", name, bed.organisms, f"testbed '{bed.name}'")
    return bed, name
