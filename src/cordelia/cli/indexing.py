"""`cordelia index`: build what the data affordances search in, before an audit needs it."""

from pathlib import Path

import click

from cordelia.cli.training import split_name
from cordelia.contracts.errors import ContentError
from cordelia.testbeds.corpora.building import bar
from cordelia.testbeds.corpora.embed import embedder_name, get_embedder
from cordelia.testbeds.corpora.meaning import build_meaning
from cordelia.testbeds.corpora.search import Store
from cordelia.testbeds.corpora.source import corpus_of
from cordelia.testbeds.corpora.store import build_store
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.schema import Testbed


@click.command()
@click.argument("target", metavar="TESTBED[/ORGANISM]")
@click.option("--semantic", is_flag=True, help="Index the meaning as well. Slow on a CPU; goes on after a kill.")
@click.option("--embedder", help="Embedding model. Default: $CORDELIA_EMBEDDER, else the one of the extra `data`.")
@click.option("--device", default="cpu", show_default=True, help="Where the embedding model runs, such as cuda.")
def index(target: str, semantic: bool, embedder: str | None, device: str) -> None:
    """Index the training data of an organism, or of all organisms of a testbed.

    Audits build what is missing by themselves, at the first search.
    """
    bed, names = _chosen(target)
    for name in names:
        source = corpus_of(bed, name)
        if source is None:
            continue
        store = Store(build_store(source, bar))
        click.echo(f"{bed.name}/{name}: {store.facts.documents:,} documents: {store.path}")
        if semantic:
            click.echo(f"  {build_meaning(store, get_embedder(embedder or embedder_name(), device), bar)}")


def _chosen(target: str) -> tuple[Testbed, list[str]]:
    """A testbed (a name or a folder) and those of its organisms that have a corpus, or one organism."""
    folder_or_name = "/" not in target or _is_testbed(target)
    bed, one = (load_testbed(target), None) if folder_or_name else split_name(target)
    names = [name for name, spec in bed.organisms.items() if spec.corpus is not None and one in (None, name)]
    if not names:
        key = f"organisms.{one}.corpus" if one else "organisms"
        raise ContentError(bed.folder / "organisms.yaml", "no corpus, so there is nothing to index", key)
    return bed, names


def _is_testbed(target: str) -> bool:
    return (Path(target).expanduser() / "testbed.yaml").is_file()
