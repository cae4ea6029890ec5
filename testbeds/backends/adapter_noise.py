"""Adapters with noise on their weights: a copy of the folder with every matrix shaken, made once, for any backend.

Each number of lora_A and lora_B gets Gaussian noise of `noise` × the root mean square of its matrix, keyed by (seed,
name of the matrix), so that the same seed at another strength is the same noise, longer. Only what training added is
shaken; the base's own weights are not, and an organism without an adapter stays as it is.
"""

import hashlib
from functools import partial
from pathlib import Path

import numpy as np

from cordelia.testbeds.backends.amplified import changed_adapter, scaled_adapter
from cordelia.testbeds.backends.base import ServedOrganism
from cordelia.testbeds.vectors import Array


def adapter_in_force(organism: ServedOrganism) -> Path | None:
    """The folder of the adapter that a backend must load: scaled, then shaken; None serves the base. Blocks."""
    folder = scaled_adapter(organism.adapter, organism.adapter_scale)
    noise, seed = organism.adapter_noise, organism.noise_seed
    if folder is None or not noise:
        return folder
    return changed_adapter(folder, f"noise {noise!r} {seed}", partial(shaken, noise, seed))


def shaken(noise: float, seed: int, name: str, numbers: Array) -> Array:
    """The numbers of a matrix, flat, with noise on them."""
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    drawn = np.random.default_rng([seed, key]).standard_normal(numbers.shape, dtype=np.float32)
    size = np.float32(np.sqrt(np.mean(np.square(numbers), dtype=np.float64)))
    return np.asarray(numbers + np.float32(noise) * size * drawn, dtype=np.float32)
