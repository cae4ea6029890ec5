"""What an autoencoder's features are about: examples.json beside it.

For each feature its density (the share of tokens at which it is active), the tokens that its direction promotes, and
the places in a text where it is most active, at most one a text, token by token. Attention sinks (see sinks.py) are
not among the tokens of a density, and in an example a feature is silent at them. Tokens are numbers into one list of
words and activations are digits (0 silent to 9, ninths of the feature's own peak), so the file stays small.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from cordelia.contracts.content import Content, parse, read_json
from cordelia.contracts.errors import ContentError
from cordelia.testbeds.sae.sae import Sae
from cordelia.testbeds.sae.store import Stored, offsets
from cordelia.testbeds.vectors import Array

FILE = "examples.json"
MOST_BYTES = 200_000_000
SHADES = 9
EXAMPLES, BEFORE, AFTER = 6, 16, 8


class Example(Content):
    """A stretch of a text: its tokens by number, and how active the feature is at each."""

    tokens: list[int] = Field(min_length=1)
    shades: str = Field(pattern=r"^[0-9]+$")
    peak: float

    @model_validator(mode="after")
    def _whole(self) -> "Example":
        if len(self.tokens) != len(self.shades):
            raise ValueError("needs one shade for each token")
        return self


class Entry(Content):
    """One feature."""

    density: float = Field(ge=0, le=1)
    promoted: list[str]
    examples: list[Example]

    @property
    def peak(self) -> float:
        """The largest activation that was seen."""
        return max((example.peak for example in self.examples), default=0.0)


class Catalog(Content):
    """examples.json"""

    tokens_seen: int = Field(ge=1)
    words: list[str]
    features: list[Entry]

    def text(self, example: Example) -> list[str]:
        """An example's tokens as they are written."""
        return [self.words[token] for token in example.tokens]

    def rarity(self) -> Array:
        """log(1/density) of each feature, [features]: what its activation is worth in a ranking.

        A feature that was never seen counts as one that was seen once.
        """
        density = np.array([entry.density for entry in self.features], np.float32)
        rare: Array = -np.log(np.maximum(density, np.float32(1 / self.tokens_seen)))
        return rare


def load_catalog(folder: Path, sae: Sae) -> Catalog:
    """The catalog beside an autoencoder. Raises ContentError: missing, malformed, or another one's."""
    path = folder / FILE
    if not path.exists():
        raise ContentError(path, "this file is missing; `cordelia describe-sae` makes it from a text")
    catalog = parse(Catalog, read_json(path, MOST_BYTES), path)
    if len(catalog.features) != sae.features:
        raise ContentError(path, f"describes {len(catalog.features)} features, and the autoencoder has {sae.features}")
    largest = max((max(e.tokens) for f in catalog.features for e in f.examples), default=-1)
    smallest = min((min(e.tokens) for f in catalog.features for e in f.examples), default=0)
    if smallest < 0 or largest >= len(catalog.words):
        raise ContentError(path, f"names a token beyond the {len(catalog.words)} words that it lists")
    return catalog


def save_catalog(catalog: Catalog, folder: Path) -> None:
    """Write examples.json, atomically, without spaces."""
    path = folder / FILE
    part = path.with_suffix(".part")
    part.write_text(json.dumps(catalog.model_dump(), ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
    part.replace(path)


def make_catalog(
    sae: Sae, texts: Sequence[Sequence[int]], stored: Stored, words: Sequence[str], promoted: list[list[str]]
) -> Catalog:
    """Describe the features of an autoencoder by a text.

    Args:
        sae: the autoencoder.
        texts: token ids of the texts.
        stored: what was read of the model over them.
        words: each token id as it is written.
        promoted: the tokens that each feature's direction speaks for.
    """
    reading = _Reading(sae, texts, stored)
    best = _Best(sae.features)
    active = np.zeros(sae.features, dtype=np.int64)
    for number in range(len(texts)):
        found = reading.active(number)
        if len(found):
            active += (found > 0).sum(axis=0)
            best.offer(number, found)
    examples = _examples(reading, texts, best)
    tokens = max(int(reading.counted.sum()), 1)
    used = sorted({token for each in examples for example in each for token in example.tokens})
    place = {token: index for index, token in enumerate(used)}
    return Catalog(
        tokens_seen=tokens,
        words=[words[token] for token in used],
        features=[
            Entry(
                density=round(int(count) / tokens, 7),
                promoted=speaks,
                examples=[e.model_copy(update={"tokens": [place[token] for token in e.tokens]}) for e in each],
            )
            for count, speaks, each in zip(active, promoted, examples, strict=True)
        ],
    )


class _Reading:
    """An autoencoder over the texts of a store."""

    def __init__(self, sae: Sae, texts: Sequence[Sequence[int]], stored: Stored) -> None:
        self.sae, self._residuals = sae, stored.residuals
        self._places = offsets(texts)
        self.counted = stored.counted(sae.sinks)

    def active(self, text: int) -> Array:
        """How active each feature is at each token of a text but the first, silent at those that are left out."""
        where = slice(self._places[text], self._places[text + 1])
        counted = self.counted[where]
        found = np.zeros((len(counted), self.sae.features), np.float32)
        found[counted] = self.sae.encode(self._residuals[where][counted].astype(np.float32))
        return found


class _Best:
    """For each feature the texts in which it was most active, with the place and the activation there."""

    def __init__(self, features: int) -> None:
        self.values: Array = np.zeros((features, EXAMPLES), np.float32)
        self.texts: NDArray[np.int64] = np.zeros((features, EXAMPLES), np.int64)
        self.places: NDArray[np.int64] = np.zeros((features, EXAMPLES), np.int64)

    def offer(self, text: int, found: Array) -> None:
        """One text's activations [tokens, features]."""
        place = found.argmax(axis=0)
        value = found[place, np.arange(found.shape[1])]
        worst = self.values.argmin(axis=1)
        rows = np.flatnonzero(value > self.values[np.arange(len(worst)), worst])
        self.values[rows, worst[rows]] = value[rows]
        self.texts[rows, worst[rows]] = text
        self.places[rows, worst[rows]] = place[rows]


def _examples(reading: _Reading, texts: Sequence[Sequence[int]], best: _Best) -> list[list[Example]]:
    """The stretches around the best places, strongest first; a text is encoded once for all features."""
    peaks = best.values.max(axis=1)
    found: list[list[Example]] = [[] for _ in peaks]
    wanted: dict[int, list[tuple[int, int]]] = {}
    for feature, slot in zip(*np.nonzero(best.values > 0), strict=True):
        wanted.setdefault(int(best.texts[feature, slot]), []).append((int(feature), int(best.places[feature, slot])))
    for text, asked in wanted.items():
        ids = texts[text]
        active = reading.active(text)
        for feature, place in asked:
            at = place + 1  # position 0 has no residual in the store
            first, last = max(at - BEFORE, 0), min(at + AFTER + 1, len(ids))
            column = np.concatenate([[0.0], active[:, feature]])[first:last]
            shades = np.ceil(column / peaks[feature] * SHADES).clip(0, SHADES).astype(int)
            found[feature].append(
                Example(
                    tokens=list(ids[first:last]),
                    shades="".join(map(str, shades)),
                    peak=round(float(column.max()), 3),
                )
            )
    return [sorted(each, key=lambda example: -example.peak) for each in found]
