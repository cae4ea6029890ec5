"""Noise on an adapter's weights: as large as was asked for, the same for the same seed, and of the adapter alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.backends.adapter_noise import adapter_in_force, shaken
from cordelia.testbeds.backends.amplified import scaled_adapter
from cordelia.testbeds.backends.base import ServedOrganism
from cordelia.testbeds.find import CATALOG, read_testbed
from cordelia.testbeds.organism import reference_of, serve
from cordelia.testbeds.vectors import Array

SISKIN = CATALOG / "pocket/adapters/siskin"


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CORDELIA_CACHE", str(tmp_path))


def matrices(folder: Path | None) -> dict[str, Array]:
    from safetensors.torch import load_file

    assert folder is not None
    return {name: tensor.float().numpy() for name, tensor in load_file(folder / "adapter_model.safetensors").items()}


def organism(noise: float, seed: int = 0, scale: float = 1.0) -> ServedOrganism:
    return ServedOrganism("x", None, SISKIN, adapter_scale=scale, adapter_noise=noise, noise_seed=seed)


def test_each_matrix_is_shaken_by_a_share_of_its_own_size() -> None:
    plain, noisy = matrices(SISKIN), matrices(adapter_in_force(organism(0.5)))
    assert plain.keys() == noisy.keys()
    for name, matrix in plain.items():
        size = np.sqrt(np.mean(np.square(matrix)))
        change = np.sqrt(np.mean(np.square(noisy[name] - matrix)))
        assert change == pytest.approx(0.5 * size, rel=0.15), name


def test_the_same_seed_is_the_same_noise_and_more_of_it_is_longer() -> None:
    first = adapter_in_force(organism(0.5))
    assert first == adapter_in_force(organism(0.5)) != adapter_in_force(organism(0.5, seed=1))
    numbers = np.ones(64, dtype=np.float32)
    one, two = (shaken(noise, 3, "a", numbers) - numbers for noise in (0.25, 0.5))
    assert two == pytest.approx(2 * one, abs=1e-6)
    assert not np.allclose(one, shaken(0.25, 3, "b", numbers) - numbers)


def test_without_noise_or_without_an_adapter_nothing_changes() -> None:
    assert adapter_in_force(organism(0.0)) == SISKIN
    assert adapter_in_force(organism(0.0, scale=2.0)) == scaled_adapter(SISKIN, 2.0)
    assert adapter_in_force(replace(organism(0.5), adapter=None)) is None
    assert adapter_in_force(organism(0.5, scale=0.0)) is None


def test_an_organism_is_served_with_the_noise_that_was_asked_for_and_its_base_without() -> None:
    pocket = read_testbed(CATALOG / "pocket")
    served = serve(pocket, "siskin", adapter_noise=0.5, noise_seed=4)
    assert (served.adapter_noise, served.noise_seed) == (0.5, 4)
    assert reference_of(served) == reference_of(serve(pocket, "siskin"))
    for noise, seed in ((-1.0, 0), (65.0, 0), (0.5, -1), (float("nan"), 0)):
        with pytest.raises(CordeliaError, match="adapter_noise must be 0 to 64"):
            serve(pocket, "siskin", adapter_noise=noise, noise_seed=seed)
