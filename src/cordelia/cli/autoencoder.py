"""`cordelia sae-text|train-sae|describe-sae|sae-page`: sparse autoencoders, from a text to a page."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cordelia.cli.training import split_name
from cordelia.contracts.content import load
from cordelia.contracts.errors import ContentError, CordeliaError, unknown_name
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.schema import BaseSpec, Testbed

if TYPE_CHECKING:
    from cordelia.testbeds.sae.build import Subject

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("sae-text")
@click.argument("testbed", default="pocket")
@click.option("--base", help="A key of the testbed's `bases`, when it has several.")
@click.option("--spec", type=FILE, help="What to write about. Default: text.yaml in the base's autoencoder folder.")
@click.option("--out", type=FILE, help="Default: text.jsonl beside the spec.")
def sae_text(testbed: str, base: str | None, spec: Path | None, out: Path | None) -> None:
    """Let a base of TESTBED write the text that its autoencoder is trained on."""
    from cordelia.testbeds.sae.text import write_text

    bed = load_testbed(testbed)
    key, model = _base(bed, base)
    used = spec or _folder(bed, key, "--spec") / "text.yaml"
    click.echo(f"Text: {write_text(model, used, out or used.with_name('text.jsonl'))}")


@click.command("train-sae")
@click.argument("model", default="pocket")
@click.option("--base", help="With a testbed: a key of its `bases`, when it has several.")
@click.option("--recipe", type=FILE, help="Default: recipe.yaml in the base's autoencoder folder.")
@click.option("--text", type=FILE, help="JSON lines of transcripts and documents. Default: text.jsonl in that folder.")
@click.option("--out", type=FOLDER, help="Folder to write. Default, for a base: the one that testbed.yaml names.")
@click.option("--fresh", is_flag=True, help="Start again instead of going on from the last checkpoint.")
def train_sae(
    model: str, base: str | None, recipe: Path | None, text: Path | None, out: Path | None, fresh: bool
) -> None:
    """Train a sparse autoencoder on the residual stream of MODEL at one block.

    MODEL is a testbed (its base is read) or <testbed>/<organism> (its adapter is in force).
    """
    from cordelia.testbeds.sae.build import Subject, build_sae
    from cordelia.testbeds.sae.measure import table
    from cordelia.testbeds.sae.recipe import SaeRecipe

    is_organism = "/" in model and not Path(model).expanduser().is_dir()
    if is_organism:
        if base is not None:
            raise CordeliaError(f"{model} has its own base; leave --base out.")
        bed, name = split_name(model)
        subject, key = _organism(bed, name), bed.organisms[name].base or ""
        if out is None:
            raise CordeliaError("Say with --out where the autoencoder of an organism goes.")
    else:
        bed = load_testbed(model)
        key, found = _base(bed, base)
        subject = Subject(found)
    settings = load(SaeRecipe, recipe or _folder(bed, key, "--recipe") / "recipe.yaml")
    corpus = text or _folder(bed, key, "--text") / "text.jsonl"
    target = out or _folder(bed, key, "--out")
    measured = build_sae(subject, settings, corpus, target, fresh)
    click.echo(f"{table(measured)}\n\nAutoencoder: {target}")


@click.command("describe-sae")
@click.argument("testbed")
@click.argument("sae", type=FOLDER)
@click.option("--base", help="A key of the testbed's `bases`, when it has several.")
@click.option("--text", type=FILE, required=True, help="JSON lines of transcripts and documents to find examples in.")
def describe_sae(testbed: str, sae: Path, base: str | None, text: Path) -> None:
    """Find out what the features of a published autoencoder are about.

    Writes examples.json into the folder SAE, which was trained on a base of TESTBED.
    """
    from cordelia.testbeds.sae.build import Subject
    from cordelia.testbeds.sae.build import describe_sae as describe

    _, model = _base(load_testbed(testbed), base)
    catalog = describe(Subject(model), sae, text)
    seen = sum(bool(entry.examples) for entry in catalog.features)
    click.echo(f"{seen:,} of {len(catalog.features):,} features are active in {catalog.tokens_seen:,} tokens: {sae}")


@click.command("sae-page")
@click.argument("sae", type=FOLDER)
@click.argument("out", type=FILE)
def sae_page(sae: Path, out: Path) -> None:
    """Write a page about the features of the autoencoder in folder SAE to the file OUT.

    The page is one HTML file that needs nothing else.
    """
    from cordelia.testbeds.sae.catalog import load_catalog
    from cordelia.testbeds.sae.page import page
    from cordelia.testbeds.sae.published import load_sae

    found = load_sae(sae)
    text = page(found, load_catalog(sae, found))
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CordeliaError(f"Cannot write {out}: {error.strerror}. Name a file in a folder that exists.") from error
    click.echo(f"Page: {out} ({len(text) / 1e6:.1f} MB)")


def _base(bed: Testbed, key: str | None) -> tuple[str, BaseSpec]:
    bases = bed.spec.bases
    if key is None and len(bases) != 1:
        known = ", ".join(sorted(bases)) or "none"
        raise CordeliaError(f"The testbed '{bed.name}' has these bases: {known}. Name one with --base.")
    chosen = next(iter(bases)) if key is None else key
    if chosen not in bases:
        raise unknown_name("base", chosen, bases, f"testbed '{bed.name}'")
    return chosen, bases[chosen]


def _organism(bed: Testbed, name: str) -> "Subject":
    from cordelia.testbeds.organism import serve
    from cordelia.testbeds.sae.build import Subject

    spec = bed.organisms[name]
    if spec.system_prompt is not None:
        raise ContentError(
            bed.folder / "organisms.yaml",
            "is made by its system prompt and has its base's weights; train on the base instead",
            f"organisms.{name}",
        )
    served = serve(bed, name)
    assert served.base is not None  # without a prompt, an organism has a base
    return Subject(served.base, served.adapter, spec.sha256 or "")


def _folder(bed: Testbed, key: str, option: str) -> Path:
    """The folder that the testbed declares for the autoencoder of a base; `option` is what to give without one."""
    if key not in bed.spec.saes:
        raise ContentError(
            bed.folder / "testbed.yaml", f"declares no autoencoder of the base '{key}'; give {option}", "saes"
        )
    return bed.folder / bed.spec.saes[key].folder
