"""From a text to a whole autoencoder's folder: read the model, train, measure, describe the features, write it all.

    <folder>/cfg.json, sae_weights.safetensors    the autoencoder, in the published layout
             measured.json, README.md             how good it is
             examples.json                        what its features are about

Work in progress lies in the cache, under a key of everything that shapes the result, so a killed run goes on and a
changed recipe never takes up another one's weights. A lock beside it makes a second process that trains the same wait.
"""

import hashlib
import random
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from cordelia.contracts.errors import ContentError
from cordelia.testbeds.corpora.building import alone
from cordelia.testbeds.sae.catalog import Catalog, make_catalog, save_catalog
from cordelia.testbeds.sae.measure import Measured, explained, losses, table, write_measured
from cordelia.testbeds.sae.published import CONFIG, WEIGHTS, load_sae, save_sae
from cordelia.testbeds.sae.reader import Reader
from cordelia.testbeds.sae.recipe import SaeRecipe
from cordelia.testbeds.sae.sae import Sae
from cordelia.testbeds.sae.sinks import SinkRule, sink_rule
from cordelia.testbeds.sae.store import Rows, Stored, offsets, stored
from cordelia.testbeds.sae.train import Source, fit
from cordelia.testbeds.schema import BaseSpec
from cordelia.testbeds.training.corpus_file import Item, read_corpus
from cordelia.testbeds.weights import cache_root, sha256_of

README = Path(__file__).parent / "readme.md"
PROMOTED = 8
_console = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Subject:
    """Whose residual stream: a base, maybe with an adapter (and the adapter's hash)."""

    base: BaseSpec
    adapter: Path | None = None
    adapter_sha256: str = ""


@dataclass(frozen=True)
class _Split:
    """The tokens to train on and those to measure on, and how many are in neither since they are attention sinks."""

    trained: Rows
    kept: Rows
    sinks: SinkRule | None
    left_out: int


def build_sae(subject: Subject, recipe: SaeRecipe, text: Path, out: Path, fresh: bool = False) -> Measured:
    """Train an autoencoder and write its folder.

    Args:
        subject: the model.
        recipe: how.
        text: a JSONL file of transcripts and documents.
        out: the folder; made if it is not there. Files of other names in it are left alone.
        fresh: start again instead of going on from the last checkpoint.

    Raises:
        CordeliaError: weights cannot be had, or text and recipe do not fit.
        ContentError: the text is missing or malformed.
        MissingExtraError: torch, transformers or peft is not installed.
    """
    items = read_corpus(text)
    work = cache_root() / "sae" / key_of(subject, recipe, text)
    with alone(work):
        if fresh:
            shutil.rmtree(work, ignore_errors=True)
        return _built(subject, recipe, items, text, out, work)


def _built(subject: Subject, recipe: SaeRecipe, items: Sequence[Item], text: Path, out: Path, work: Path) -> Measured:
    """The autoencoder's folder, with checkpoints in `work`, which nobody else uses meanwhile."""
    reader = Reader(subject.base, recipe.layer, subject.adapter)
    texts = [reader.ids(item, recipe.max_length) for item in items]
    random.Random(recipe.seed).shuffle(texts)
    held = max(1, round(len(texts) * recipe.held_out))
    if held >= len(texts):
        raise ContentError(text, f"holds {len(texts)} texts; some must be left to train on after {held} are held out")
    places = offsets(texts)
    _console.print(f"{len(texts):,} texts, {places[-1]:,} tokens, block {reader.block}; checkpoints in {work}")
    read = stored(reader, texts, work)
    split = _split(read, places[-held - 1], recipe.longest)
    sae = as_saved(fit(split.trained, recipe, Source(subject.base.model, reader.block, split.sinks), work))
    catalog = make_catalog(sae, texts, read, _words(reader, texts), reader.promoted(sae.decoder, PROMOTED))
    out.mkdir(parents=True, exist_ok=True)
    save_sae(sae, out)
    save_catalog(catalog, out)
    variance, l0 = explained(sae, split.kept)
    plain, rebuilt, none = losses(reader, sae, texts[-held:])
    measured = Measured(
        model=sae.model, block=sae.block, width=sae.width, features=sae.features, kind=recipe.kind, k=recipe.k,
        text_tokens=len(split.trained), epochs=recipe.epochs, held_out_tokens=len(split.kept),
        left_out_tokens=split.left_out, longest=recipe.longest, explained_variance=variance, l0=l0,
        dead=float(np.mean([entry.density == 0 for entry in catalog.features])), loss_plain=plain,
        loss_reconstructed=rebuilt, loss_zero=none, text_sha256=sha256_of(text), seed=recipe.seed,
    )  # fmt: skip
    write_measured(measured, out)
    (out / "README.md").write_text(readme(measured), encoding="utf-8")
    _console.print(f"SHA-256 of {WEIGHTS}: {sha256_of(out / WEIGHTS)}")
    shutil.rmtree(work, ignore_errors=True)
    return measured


def describe_sae(subject: Subject, folder: Path, text: Path, max_length: int = 256) -> Catalog:
    """Write examples.json for an autoencoder that came without it, such as a published one.

    Args:
        subject: the model that it was trained on.
        folder: the autoencoder's.
        text: a JSONL file of transcripts and documents; what is in it may be shown with the features.
        max_length: tokens of a text; what is beyond is cut.

    Raises:
        ContentError: the folder or the text is malformed, or the autoencoder is of another model.
        CordeliaError: weights cannot be had.
        MissingExtraError: torch, transformers or peft is not installed.
    """
    sae = load_sae(folder)
    if sae.model != subject.base.model:
        raise ContentError(
            folder / CONFIG, f"trained on '{sae.model}', the base is '{subject.base.model}'", "model_name"
        )
    items = read_corpus(text)
    parts = [subject.base.model_dump_json(), subject.adapter_sha256, sha256_of(text), f"{sae.block} {max_length}"]
    work = cache_root() / "sae" / hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    with alone(work):
        reader = Reader(subject.base, sae.block, subject.adapter)
        texts = [reader.ids(item, max_length) for item in items]
        read = stored(reader, texts, work)
        catalog = make_catalog(sae, texts, read, _words(reader, texts), reader.promoted(sae.decoder, PROMOTED))
        save_catalog(catalog, folder)
        shutil.rmtree(work, ignore_errors=True)
    return catalog


def readme(measured: Measured) -> str:
    """The README of an autoencoder's folder, from its numbers."""
    text = README.read_text(encoding="utf-8")
    return (
        text.replace("{model}", measured.model)
        .replace("{block}", str(measured.block))
        .replace("{table}", table(measured))
    )


def key_of(subject: Subject, recipe: SaeRecipe, text: Path) -> str:
    """16 hex digits that change with the model, the text's bytes and every field of the recipe."""
    parts = [subject.base.model_dump_json(), subject.adapter_sha256, sha256_of(text), recipe.model_dump_json()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def as_saved(sae: Sae) -> Sae:
    """The autoencoder as it will be read again: its numbers rounded to float16."""
    half = {
        name: getattr(sae, name).astype(np.float16).astype(np.float32)
        for name in ("encoder", "encoder_bias", "decoder", "decoder_bias", "threshold")
        if getattr(sae, name) is not None
    }
    return Sae(**{**vars(sae), **half})


def _split(read: Stored, border: int, longest: float | None) -> _Split:
    """What was read, parted at a token. The rule for sinks comes from what is trained on alone."""
    sinks = sink_rule(read.lengths[:border], longest) if longest and border else None
    counted = read.counted(sinks)
    places = np.flatnonzero(counted)
    trained, kept = places[places < border], places[places >= border]
    left_out = len(counted) - len(places)
    if sinks:
        _console.print(f"{left_out:,} attention sinks are left out: activations longer than {sinks.longest:.1f}")
    return _Split(Rows(read.residuals, trained), Rows(read.residuals, kept), sinks, left_out)


def _words(reader: Reader, texts: list[list[int]]) -> list[str]:
    """Each token id that is used as it is written, by id; unused ones are empty."""
    used = sorted({token for text in texts for token in text})
    words = [""] * (used[-1] + 1 if used else 0)
    for token, word in zip(used, reader.words(used), strict=True):
        words[token] = word
    return words
