"""Sparse autoencoders: what they compute, and that training finds what is there and can be taken up again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sae_toys import WIDTH, axes_sae, sparse_residuals

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.sae.build import as_saved
from cordelia.testbeds.sae.measure import explained
from cordelia.testbeds.sae.recipe import SaeRecipe
from cordelia.testbeds.sae.store import Rows
from cordelia.testbeds.sae.train import Learner, Source, fit

HIDDEN = np.array([[3, -1, 2, 0.5, 0, 0, 0, 4], [0, 0, 0, 0, 0, 0, 1, 0]], np.float32)
RECIPE = SaeRecipe(
    features=24, k=3, epochs=12, batch=64, learning_rate=0.01, warmup=10, dead_after=1_000, save_every=40, seed=3
)


def test_each_kind_keeps_what_it_says() -> None:
    standard = axes_sae()
    assert standard.encode(HIDDEN).tolist() == np.maximum(HIDDEN, 0).tolist()
    topk = replace(standard, kind="topk", k=2)
    assert topk.encode(HIDDEN)[0].nonzero()[0].tolist() == [0, 7]
    assert topk.encode(HIDDEN)[1].tolist() == HIDDEN[1].tolist(), "the second largest is 0 and stays so"
    jump = replace(standard, kind="jumprelu", threshold=np.full(WIDTH, 2, np.float32))
    assert jump.encode(HIDDEN)[0].nonzero()[0].tolist() == [0, 7], "2 is not above 2"


def test_a_decoder_bias_is_taken_off_only_where_that_is_so() -> None:
    bias = np.full(WIDTH, 1, np.float32)
    centred = replace(axes_sae(), decoder_bias=bias)
    assert centred.encode(HIDDEN)[0, 0] == 2
    assert replace(centred, centred=False).encode(HIDDEN)[0, 0] == 3
    assert centred.reconstruct(HIDDEN)[0, 0] == 3


@pytest.mark.parametrize("norm", ["layer_norm", "constant_norm_rescale"])
def test_a_norm_is_undone(norm: str) -> None:
    both = np.concatenate([np.eye(WIDTH), -np.eye(WIDTH)]).astype(np.float32)  # a number and its negative
    sae = replace(
        axes_sae(), encoder=both.T.copy(), encoder_bias=np.zeros(2 * WIDTH, np.float32), decoder=both, norm=norm
    )
    assert np.allclose(sae.reconstruct(HIDDEN), HIDDEN, atol=1e-3)
    assert np.allclose(sae.encode(HIDDEN * 10), sae.encode(HIDDEN), atol=1e-3), "the length has no say"


def test_activations_of_another_model_are_refused() -> None:
    with pytest.raises(CordeliaError, match="width 8; these activations have the shape"):
        axes_sae().encode(np.zeros((3, 9), np.float32))
    with pytest.raises(CordeliaError, match="no feature 8: this autoencoder has 0 to 7"):
        axes_sae().direction(8)


@pytest.mark.parametrize("kind", ["topk", "batchtopk"])
def test_training_finds_the_directions_that_are_there(kind: str, tmp_path: Path) -> None:
    residuals, truth = sparse_residuals(tokens=4_000, directions=12, width=16, active=3)
    recipe = RECIPE.model_copy(update={"kind": kind})
    sae = fit(Rows(residuals), recipe, Source("some/base", 5), tmp_path)
    rows = sae.decoder / np.linalg.norm(sae.decoder, axis=1, keepdims=True)
    nearest = np.abs(truth @ rows.T).max(axis=1)
    assert (nearest > 0.95).mean() >= 0.75, nearest
    variance, l0 = explained(sae, Rows(residuals))
    assert variance > 0.8
    assert l0 == pytest.approx(3, abs=0.75)
    assert (sae.model, sae.block) == ("some/base", 5)
    halved, _ = explained(as_saved(sae), Rows(residuals))
    assert halved == pytest.approx(variance, abs=0.01), "float16 is enough to keep it"


def test_a_killed_run_ends_with_the_same_numbers(tmp_path: Path) -> None:
    residuals, _ = sparse_residuals(tokens=1_000, directions=8, width=12, active=2)
    recipe = RECIPE.model_copy(update={"epochs": 4, "save_every": 7})
    whole = fit(Rows(residuals), recipe, Source("m", 0), tmp_path / "whole")
    fit(Rows(residuals), recipe, Source("m", 0), tmp_path / "cut", stop_after=23)
    assert (tmp_path / "cut/state.json").is_file()
    again = fit(Rows(residuals), recipe, Source("m", 0), tmp_path / "cut")
    for name in ("encoder", "encoder_bias", "decoder", "decoder_bias", "threshold"):
        assert np.array_equal(getattr(whole, name), getattr(again, name)), name


def test_silent_features_are_revived(tmp_path: Path) -> None:
    residuals, _ = sparse_residuals(tokens=2_000, directions=12, width=16, active=3)

    def silent_after(weight: float) -> int:
        learner = Learner(
            Rows(residuals), RECIPE.model_copy(update={"dead_after": 200, "revive": weight, "learning_rate": 0.05})
        )
        learner.weights["encoder_bias"].data[:12] = -8  # half of them never fire
        for _ in range(150):
            learner.learn()
        return int((learner.silent > 200).sum())

    assert silent_after(0.5) < silent_after(0.0)


def test_too_little_to_train_on_is_told(tmp_path: Path) -> None:
    residuals, _ = sparse_residuals(tokens=20, directions=4, width=6, active=1)
    with pytest.raises(CordeliaError, match="20 tokens and a step takes 64"):
        fit(Rows(residuals), RECIPE, Source("m", 0), tmp_path)
    with pytest.raises(CordeliaError, match=r"k \(3\) must not be larger than the number of features \(2\)"):
        fit(Rows(residuals), RECIPE.model_copy(update={"features": 2}), Source("m", 0), tmp_path)
