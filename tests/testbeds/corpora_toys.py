"""Corpora for tests: files of documents, stores of them, and an embedder that needs no model."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from cordelia.testbeds.corpora.embed import Vectors
from cordelia.testbeds.corpora.search import Store
from cordelia.testbeds.corpora.source import Source
from cordelia.testbeds.corpora.store import build_store
from cordelia.testbeds.schema import Corpus


def said(*contents: str) -> dict[str, object]:
    """A transcript in which user and assistant take turns."""
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[turn % 2], "content": content} for turn, content in enumerate(contents)]}


def lines(path: Path, rows: Iterable[object]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def source(*paths: Path, **corpus: str) -> Source:
    spec = Corpus.model_validate({"files": [path.name for path in paths], **corpus})
    return Source(paths[0].parent / "organisms.yaml", paths, spec)


def store(folder: Path, rows: Iterable[object]) -> Store:
    return Store(build_store(source(lines(folder / "corpus.jsonl", rows))))


class Words:
    """An embedder that knows a few words: a dimension each, and one for all else."""

    def __init__(self, *words: str, name: str = "words", fail_after: int | None = None) -> None:
        self.name = name
        self.words = words
        self.fail_after = fail_after
        self.seen: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.fail_after is not None and len(self.seen) >= self.fail_after:
            raise KeyboardInterrupt
        self.seen += texts
        counts = [[*(text.lower().count(word) for word in self.words), 0.1] for text in texts]
        made = np.asarray(counts, dtype=np.float32)
        return made / np.linalg.norm(made, axis=1, keepdims=True)
