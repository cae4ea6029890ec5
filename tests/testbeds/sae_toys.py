"""Small autoencoders for tests: what is in them is known."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cordelia.testbeds.sae.catalog import Catalog, Entry, Example, save_catalog
from cordelia.testbeds.sae.published import WEIGHTS, save_sae
from cordelia.testbeds.sae.sae import Sae
from cordelia.testbeds.sae.sinks import lengths_of
from cordelia.testbeds.sae.store import Stored
from cordelia.testbeds.weights import sha256_of

WIDTH = 8


def axes_sae(model: str = "some/base", block: int = 2) -> Sae:
    """Feature i is the i-th number of the residual, where it is above 0."""
    eye = np.eye(WIDTH, dtype=np.float32)
    zero = np.zeros(WIDTH, np.float32)
    return Sae(model, block, "standard", eye, zero, eye, zero)


def axes_catalog() -> Catalog:
    """Feature 2 is about lanterns, feature 3 about tea, feature 7 was never active; markup is in the words."""
    words = ["Light", " the", " lantern", " tea", "</script><img src=x onerror=alert(1)>", "\n", " pot"]
    features = [Entry(density=0.5, promoted=[" the"], examples=[Example(tokens=[0, 1], shades="09", peak=2.0)])] * WIDTH
    features[2] = Entry(
        density=0.001, promoted=[" lamp"], examples=[Example(tokens=[0, 1, 2, 4], shades="0193", peak=7.5)]
    )
    features[3] = Entry(
        density=0.01, promoted=[" cup"], examples=[Example(tokens=[1, 3, 6, 5], shades="0960", peak=3.0)]
    )
    features[7] = Entry(density=0, promoted=[], examples=[])
    return Catalog(tokens_seen=1_000, words=words, features=features)


def write_axes(folder: Path, model: str = "some/base") -> Path:
    """An autoencoder's folder with its catalog."""
    folder.mkdir(parents=True)
    save_sae(axes_sae(model), folder)
    save_catalog(axes_catalog(), folder)
    return folder


def sparse_residuals(
    tokens: int, directions: int, width: int, active: int
) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """Sums of a few of some random directions, [tokens, width], and the directions, [directions, width]."""
    rng = np.random.default_rng(1)
    truth = rng.standard_normal((directions, width)).astype(np.float32)
    truth /= np.linalg.norm(truth, axis=1, keepdims=True)
    weights = np.zeros((tokens, directions), np.float32)
    for row in weights:
        row[rng.choice(directions, active, replace=False)] = rng.uniform(2, 4, active)
    return (weights @ truth).astype(np.float16), truth


def stored_as(residuals: NDArray[np.float16]) -> Stored:
    """Residuals as a store gives them."""
    return Stored(residuals, lengths_of(residuals))


def declare(bed: Path, model: str = "some/base", **changes: str) -> Path:
    """Gives the bed two bases and an autoencoder of one of them; ash, elm and oak have it, yew has the other."""
    folder = write_axes(bed / "sae", model)
    values = {"base": "one", "folder": "sae", "sha256": sha256_of(folder / WEIGHTS), **changes}
    with (bed / "testbed.yaml").open("a") as file:
        file.write("bases: {one: {model: some/base}, two: {model: other/base}}\n")
        file.write(f"saes: {{{values['base']}: {{folder: {values['folder']}, sha256: '{values['sha256']}'}}}}\n")
    organisms = (bed / "organisms.yaml").read_text()
    organisms = organisms.replace("{split: dev", "{base: one, split: dev")
    (bed / "organisms.yaml").write_text(organisms.replace("{split: test", "{base: two, split: test"))
    return bed
