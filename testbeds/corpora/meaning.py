"""An index of meaning: a vector for each passage of a corpus, and the nearest of them.

Vectors are float16 in a file that is mapped into memory, [passages, width], beside the document number of each.
Searching is a product block by block. Building is slow on a CPU, so it goes on where it was killed: what is done is
counted in a file that is replaced after the vectors are on the disk.
"""

import json
import os
from hashlib import sha256
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cordelia.contracts.content import Content, parse, read_json
from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.corpora.building import Reporter, Steps, build_once, quiet
from cordelia.testbeds.corpora.document import Document
from cordelia.testbeds.corpora.embed import Embedder, Vectors
from cordelia.testbeds.corpora.passages import LONGEST, passages
from cordelia.testbeds.corpora.search import Store

FORMAT = 1
VECTORS, OWNERS, STATE = "vectors.f16", "owners.i32", "state.json"
STEP = 256
"""Documents between two notes of what is done: at most so many are embedded twice."""
BLOCK = 512
_HALF_TO_SINGLE = np.float32(2.0**112)

Owners = NDArray[np.int32]


class State(Content):
    """What of an index is done.

    Attributes:
        model: the embedding model, by its name and what tells it from others of that name; see `Embedder.name`.
        width: of its vectors; 0 before the first.
        documents: the number of the last document that is in it.
        passages: how many vectors there are.
    """

    model: str
    width: int = 0
    documents: int = 0
    passages: int = 0


def meaning_path(store: Path, model: str) -> Path:
    """Where the index of a store's documents by a model (`Embedder.name`) is, or would be."""
    key = sha256(f"{model} {LONGEST}".encode()).hexdigest()[:16]
    return store.parent / f"meaning-{FORMAT}-{key}"


def build_meaning(store: Store, embedder: Embedder, report: Reporter = quiet) -> Path:
    """The index of a store's documents, built or finished now if it is not there. Blocks, for long.

    Raises:
        CordeliaError: the model gives no usable vectors; or see `build_once`.
    """

    def make(folder: Path) -> None:
        with report(f"Indexing meaning ({embedder.name})") as steps:
            write_meaning(store, embedder, folder, steps)

    return build_once(meaning_path(store.path, embedder.name), make, keep="resumable")


def write_meaning(store: Store, embedder: Embedder, folder: Path, steps: Steps) -> None:
    """Write an index into a folder, or go on with the one that is there."""
    folder.mkdir(exist_ok=True)
    state = _resumed(folder, embedder.name)
    documents = store.after(state.documents)
    with (folder / VECTORS).open("ab") as vectors, (folder / OWNERS).open("ab") as owners:
        while batch := list(islice(documents, STEP)):
            texts, numbers = _passages(batch)
            made = _checked(embedder.embed(texts), len(texts), state)
            vectors.write(made.astype(np.float16).tobytes())
            owners.write(np.asarray(numbers, dtype=np.int32).tobytes())
            for file in (vectors, owners):
                file.flush()
                os.fsync(file.fileno())
            state = State(
                model=state.model,
                width=made.shape[1],
                documents=batch[-1].number,
                passages=state.passages + len(texts),
            )
            _note(folder, state)
            steps(state.documents, store.facts.documents)
    _note(folder, state)


class Meaning:
    """An index that is whole, for searching."""

    def __init__(self, folder: Path) -> None:
        self.state = parse(State, read_json(folder / STATE), folder / STATE)
        shape = (self.state.passages, self.state.width)
        self._vectors: NDArray[np.float16] = (
            np.memmap(folder / VECTORS, dtype=np.float16, mode="r", shape=shape)
            if self.state.passages
            else np.empty(shape, np.float16)
        )
        self.owners: Owners = np.fromfile(folder / OWNERS, dtype=np.int32)

    def nearest(self, vector: Vectors, count: int) -> list[tuple[int, int, float]]:
        """The documents with the passage nearest to a vector [width], the nearest first.

        Returns:
            For each: its number, which of its passages that is (from 0), and the cosine.
        """
        scores = self.cosines(vector)
        documents = len(np.unique(self.owners)) if len(self.owners) <= count else count
        wanted = count
        while True:
            wanted = min(wanted * 2, len(scores))
            best = np.argpartition(-scores, wanted - 1)[:wanted] if wanted else np.empty(0, np.intp)
            found: dict[int, int] = {}
            for row in best[np.argsort(-scores[best], kind="stable")]:
                found.setdefault(int(self.owners[row]), int(row))
            if len(found) >= documents or wanted == len(scores):
                chosen = list(found.items())[:count]
                return [(number, self._passage(row), float(scores[row])) for number, row in chosen]

    def cosines(self, vector: Vectors) -> Vectors:
        """The cosine of a vector [width] with every passage: [passages].

        numpy turns float16 into float32 number by number. Shifting the bits does the same for a block at once: the sign
        and the rest move to their places, and the exponent's other bias is a factor, which the vector takes on. The
        product is einsum's, not BLAS's, whose threads wait for one another at each block when the machine is busy.
        """
        scaled = np.asarray(vector, dtype=np.float32) * _HALF_TO_SINGLE
        halves = self._vectors.view(np.int16)
        buffer = np.empty((min(BLOCK, len(halves)), self.state.width), dtype=np.int32)
        scores = np.empty(len(halves), dtype=np.float32)
        for start in range(0, len(halves), BLOCK):
            block = buffer[: min(BLOCK, len(halves) - start)]
            np.copyto(block, halves[start : start + BLOCK])
            np.left_shift(block, 13, out=block)
            np.bitwise_and(block, np.int32(0x8FFFE000 - (1 << 32)), out=block)
            np.einsum("ij,j->i", block.view(np.float32), scaled, out=scores[start : start + len(block)])
        return scores

    def groups(self, count: int, seed: int = 0, most: int = 10_000) -> list[tuple[float, int, int]]:
        """What there is, roughly: passages in `count` groups of like meaning (k-means on at most `most` of them).

        Returns:
            For each group, the largest first: its share, and the document and passage nearest to its middle.
        """
        if not len(self._vectors):
            return []
        chance = np.random.default_rng(seed)
        rows = np.sort(chance.choice(len(self._vectors), min(most, len(self._vectors)), replace=False))
        points = np.asarray(self._vectors[rows], dtype=np.float32)
        count = min(count, len(points))
        middles = points[chance.choice(len(points), count, replace=False)]
        for _ in range(12):
            nearest = np.argmax(points @ middles.T, axis=1)
            sums = np.stack([points[nearest == group].sum(axis=0) for group in range(count)])
            norms = np.linalg.norm(sums, axis=1, keepdims=True)
            middles = np.where(norms > 0, sums / np.maximum(norms, 1e-9), middles).astype(np.float32)
        scores = points @ middles.T
        nearest = np.argmax(scores, axis=1)
        sizes = np.bincount(nearest, minlength=count)
        order = [int(group) for group in np.argsort(-sizes, kind="stable") if sizes[group]]
        middle_rows = [int(rows[np.argmax(np.where(nearest == group, scores[:, group], -2.0))]) for group in order]
        return [
            (float(sizes[group]) / len(points), int(self.owners[row]), self._passage(row))
            for group, row in zip(order, middle_rows, strict=True)
        ]

    def _passage(self, row: int) -> int:
        return row - int(np.searchsorted(self.owners, self.owners[row]))


def _passages(documents: list[Document]) -> tuple[list[str], list[int]]:
    pairs = [(passage, document.number) for document in documents for passage in passages(document.text)]
    return [passage for passage, _ in pairs], [number for _, number in pairs]


def _checked(vectors: Vectors, count: int, state: State) -> Vectors:
    if vectors.ndim != 2 or len(vectors) != count or state.width not in {0, vectors.shape[1]}:
        raise CordeliaError(
            f"The embedding model '{state.model}' gave vectors of shape {vectors.shape} for {count} texts."
        )
    if not np.isfinite(vectors).all():
        raise CordeliaError(f"The embedding model '{state.model}' gave a vector that is no number.")
    return vectors


def _resumed(folder: Path, model: str) -> State:
    """What is done in a folder; what was written after that is cut off."""
    if not (folder / STATE).is_file():
        for name in (VECTORS, OWNERS):
            (folder / name).unlink(missing_ok=True)
        return State(model=model)
    state = parse(State, read_json(folder / STATE), folder / STATE)
    for name, width in ((VECTORS, 2 * state.width), (OWNERS, 4)):
        os.truncate(folder / name, state.passages * width)
    return state


def _note(folder: Path, state: State) -> None:
    part = folder / f"{STATE}.part"
    part.write_text(json.dumps(state.model_dump()), encoding="utf-8")
    part.replace(folder / STATE)
