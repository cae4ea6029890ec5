"""Autoencoders in the published layout: read as they were meant, or refused with a reason."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sae_toys import WIDTH, axes_sae
from safetensors.numpy import save_file

from cordelia.contracts.errors import ContentError
from cordelia.testbeds.sae.published import CONFIG, WEIGHTS, load_sae, save_sae
from cordelia.testbeds.sae.sinks import SinkRule

HIDDEN = np.array([[3, -1, 2, 0.5, 0, 0, 0, 4]], np.float32)
CFG = {
    "architecture": "standard",
    "d_in": WIDTH,
    "d_sae": WIDTH,
    "dtype": "float32",
    "hook_name": "blocks.5.hook_resid_post",
    "model_name": "some/base",
    "normalize_activations": "none",
    "l1_coefficient": 5,  # a note about training
}


def arrays() -> dict[str, Any]:
    eye, zero = np.eye(WIDTH, dtype=np.float32), np.zeros(WIDTH, np.float32)
    return {"W_enc": eye, "b_enc": zero, "W_dec": eye, "b_dec": zero}


def written(folder: Path, tensors: dict[str, Any] | None = None, **cfg: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / CONFIG).write_text(json.dumps({**CFG, **cfg}))
    save_file(tensors or arrays(), folder / WEIGHTS)
    return folder


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    sae = axes_sae(block=7)
    save_sae(sae, tmp_path)
    again = load_sae(tmp_path)
    assert (again.model, again.block, again.kind) == ("some/base", 7, "standard")
    assert np.array_equal(again.encode(HIDDEN), sae.encode(HIDDEN))


def test_which_tokens_are_left_out_is_kept_with_the_weights(tmp_path: Path) -> None:
    rule = SinkRule(times_median=10, median_length=41.25)
    save_sae(replace(axes_sae(), sinks=rule), tmp_path)
    again = load_sae(tmp_path)
    assert again.sinks == rule
    rows = np.zeros((3, WIDTH), np.float32)
    rows[:, 0] = 400, 412.5, 420
    assert again.counts(rows).tolist() == [True, True, False], "more than ten times, not just ten"


def test_somebody_elses_autoencoder_has_no_rule(tmp_path: Path) -> None:
    theirs = load_sae(written(tmp_path / "a", metadata={"hook_name": CFG["hook_name"], "model_name": "m", "seed": 1}))
    assert theirs.sinks is None
    assert theirs.counts(HIDDEN * 1e6).tolist() == [True]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"times_median": 10}, "metadata.sinks.median_length"),
        ({"times_median": 1, "median_length": 2}, "metadata.sinks.times_median"),
        ({"times_median": 10, "median_length": 2, "mean": 3}, "metadata.sinks.mean: unknown key"),
        ("all", "metadata.sinks"),
    ],
)
def test_a_malformed_rule_is_told(rule: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=said):
        load_sae(written(tmp_path / "a", metadata={"sinks": rule}))


def test_the_layouts_of_the_years_are_read(tmp_path: Path) -> None:
    for number, key in enumerate(("activation_fn", "activation_fn_str")):
        old = load_sae(written(tmp_path / f"old-{number}", **{key: "topk"}, activation_fn_kwargs={"k": 2}))
        assert (old.kind, old.k) == ("topk", 2), key
        assert np.count_nonzero(old.encode(HIDDEN)) == 2, "of four that are above 0"
    new = load_sae(
        written(
            tmp_path / "new",
            architecture="topk",
            k=1,
            hook_name=None,
            metadata={"hook_name": "blocks.6.hook_resid_pre", "model_name": "their/base"},
        )
    )
    assert (new.kind, new.k, new.block, new.model) == ("topk", 1, 5, "their/base"), "before block 6 is after block 5"
    jump = load_sae(
        written(tmp_path / "jump", {**arrays(), "threshold": np.full(WIDTH, 2, np.float32)}, architecture="jumprelu")
    )
    assert jump.encode(HIDDEN)[0].nonzero()[0].tolist() == [0, 7]
    layered = load_sae(written(tmp_path / "layered", normalize_activations="layer_norm"))
    assert layered.norm == "layer_norm"


def test_settings_that_change_nothing_are_passed_over(tmp_path: Path) -> None:
    training = {"lr": 4e-4, "wandb_project": "x", "use_ghost_grads": True, "neuronpedia_id": "a/b", "prepend_bos": True}
    off = {
        "hook_head_index": None,
        "normalize_activations": False,
        "finetuning_scaling_factor": None,
        "model_from_pretrained_kwargs": {"center_writing_weights": False, "n_devices": 2},
    }
    theirs = load_sae(
        written(tmp_path / "a", **training, **off, metadata={"somebody": "says", "hook_head_index": None})
    )
    assert (theirs.kind, theirs.norm) == ("standard", "none")
    ones = {**arrays(), "scaling_factor": np.ones(WIDTH, np.float32)}
    assert load_sae(written(tmp_path / "b", ones)).features == WIDTH
    older = load_sae(written(tmp_path / "c", hook_name=None, hook_point="blocks.4.hook_resid_post", hook_point_layer=4))
    assert older.block == 4


def test_one_of_a_centred_model_reads_the_hubs_model_as_that_one(tmp_path: Path) -> None:
    """GPT-2's: TransformerLens takes the mean out of what blocks write, and the hub's model has it."""
    shifted = {**arrays(), "b_dec": np.linspace(-1, 1, WIDTH, dtype=np.float32)}
    plain = load_sae(written(tmp_path / "plain", shifted))
    centred = load_sae(
        written(
            tmp_path / "centred",
            shifted,
            model_name="gpt2-small",
            model_from_pretrained_kwargs={"center_writing_weights": True, "fold_ln": True},
        )
    )
    raw = HIDDEN + np.float32(3)
    as_trained = raw - raw.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(centred.encode(raw), plain.encode(as_trained), atol=1e-5)
    assert not np.allclose(plain.encode(raw), plain.encode(as_trained)), "else the mean would not have counted"
    mean = raw.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(centred.reconstruct(raw), plain.reconstruct(as_trained) + mean, atol=1e-5)
    (tmp_path / "again").mkdir()
    save_sae(centred, tmp_path / "again")
    assert load_sae(tmp_path / "again").norm == "mean"


def test_an_old_file_of_a_model_with_layer_norm_has_to_say_how_it_was_loaded(tmp_path: Path) -> None:
    """As GPT-2's stand on the hub: a hook point, a layer, sizes and notes about training."""
    old = {
        "model_name": "gpt2-small",
        "hook_name": None,
        "hook_point": "blocks.6.hook_resid_pre",
        "hook_point_layer": 6,
    }
    with pytest.raises(ContentError, match=r"model_from_pretrained_kwargs: 'gpt2-small' has LayerNorm.* or false"):
        load_sae(written(tmp_path / "old", **old))
    said = {"model_from_pretrained_kwargs": {"center_writing_weights": False}}
    assert load_sae(written(tmp_path / "said", **old, **said)).norm == "none"
    assert load_sae(written(tmp_path / "newer", **old, metadata={"sae_lens_version": "6.1.0"})).norm == "none"
    own = replace(load_sae(tmp_path / "said"), norm="none")
    (tmp_path / "own").mkdir()
    save_sae(own, tmp_path / "own")
    assert load_sae(tmp_path / "own").model == "gpt2-small", "what is trained here says it"


def test_a_tensor_that_would_count_is_not_passed_over(tmp_path: Path) -> None:
    scaled = {**arrays(), "scaling_factor": np.full(WIDTH, 2, np.float32)}
    with pytest.raises(ContentError, match="scaling_factor: this tensor is not read here"):
        load_sae(written(tmp_path / "a", scaled))
    with pytest.raises(ContentError, match="threshold: this tensor is not read here"):
        load_sae(written(tmp_path / "b", {**arrays(), "threshold": np.ones(WIDTH, np.float32)}))


def test_a_decoder_with_lengths_ranks_by_what_is_written(tmp_path: Path) -> None:
    lengths = np.linspace(1, 2, WIDTH, dtype=np.float32)
    tensors = {**arrays(), "W_dec": np.diag(lengths)}
    sae = load_sae(written(tmp_path / "s", tensors, architecture="topk", k=1, rescale_acts_by_decoder_norm=True))
    active = sae.encode(np.array([[1.5, 0, 0, 0, 0, 0, 0, 1.4]], np.float32))
    assert active[0].nonzero()[0].tolist() == [7], "1.4 × 2 is more than 1.5 × 1"
    assert np.allclose(sae.decode(active)[0, 7], 2.8)


def test_bfloat16_is_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file as save_torch

    folder = written(tmp_path / "half")
    half = {name: torch.from_numpy(value).to(torch.bfloat16) for name, value in arrays().items()}
    half["b_dec"] = torch.full((WIDTH,), -1.5, dtype=torch.bfloat16)
    save_torch(half, folder / WEIGHTS)
    assert load_sae(folder).decoder_bias.tolist() == [-1.5] * WIDTH


@pytest.mark.parametrize(
    ("cfg", "said"),
    [
        ({"architecture": "gated"}, "'gated' is not read here; these are: standard, topk"),
        ({"architecture": "batchtopk"}, "save it for inference"),
        ({"activation_fn": "tanh-relu"}, "'tanh-relu' is not read here"),
        ({"activation_fn_str": "tanh-relu"}, "activation_fn_str: 'tanh-relu' is not read here"),
        ({"activation_fn": "relu", "activation_fn_str": "topk"}, "is 'topk', and activation_fn 'relu'"),
        ({"architecture": "jumprelu", "activation_fn_str": "topk"}, "'topk' is not read here"),
        ({"activation_fn_str": "relu", "activation_fn_kwargs": {"k": 3}}, "activation_fn_kwargs: 'k' is not read here"),
        ({"hook_head_index": 0}, "hook_head_index: '0' is not read here: it reads one attention head"),
        ({"metadata": {"hook_head_index": 3}}, "metadata.hook_head_index: '3' is not read here"),
        (
            {"model_from_pretrained_kwargs": {"center_writing_weights": True}},
            r"whether 'some/base' has it is not known",
        ),
        ({"metadata": {"model_from_pretrained_kwargs": {"first_n_layers": 3}}}, r"kwargs.first_n_layers: its act"),
        (
            {
                "model_name": "gpt2",
                "model_from_pretrained_kwargs": {"center_writing_weights": True},
                "normalize_activations": "constant_norm_rescale",
            },
            "normalize_activations: is not read here with center_writing_weights",
        ),
        ({"normalize_activations": True}, "normalize_activations"),
        ({"activation_scale": 2.0}, "activation_scale: this setting is not known here"),
        ({"d_out": 4}, "d_out: '4' is not read here: it writes another width"),
        ({"hook_name": "blocks.5.hook_mlp_out"}, "not the residual stream after a block"),
        ({"hook_name": "blocks.0.hook_resid_pre"}, "not the residual stream after a block"),
        ({"model_name": None}, "say which model"),
        ({"normalize_activations": "expected_average_only_in"}, "fold it into the weights"),
        ({"d_sae": 9}, r"its shape is \(8, 8\), and cfg.json says \(8, 9\)"),
        ({"d_in": 0}, "d_in"),
        ({"architecture": "topk"}, "a TopK autoencoder needs k, 1 to 8"),
        ({"architecture": "topk", "k": 9}, "a TopK autoencoder needs k, 1 to 8"),
        ({"architecture": "jumprelu"}, "threshold: this tensor is missing; it has W_dec, W_enc, b_dec, b_enc"),
        ({"reshape_activations": "hook_z"}, "reshape_activations"),
        ({"finetuning_scaling_factor": True}, "finetuning_scaling_factor"),
    ],
)
def test_what_is_not_read_is_refused_by_name(cfg: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=said):
        load_sae(written(tmp_path / "sae", **cfg))


def test_broken_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="no such folder; an autoencoder is a folder with cfg"):
        load_sae(tmp_path / "none")
    folder = written(tmp_path / "sae")
    (folder / "sae.pt").write_bytes(b"")
    with pytest.raises(ContentError, match=r"sae.pt: not a format that is read"):
        load_sae(folder)
    (folder / "sae.pt").unlink()
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-4])
    with pytest.raises(ContentError, match="cut off"):
        load_sae(folder)
    save_file({**arrays(), "b_enc": np.full(WIDTH, np.nan, np.float32)}, folder / WEIGHTS)
    with pytest.raises(ContentError, match="b_enc: holds numbers that are not finite"):
        load_sae(folder)
    (folder / WEIGHTS).unlink()
    with pytest.raises(ContentError, match="this file is missing"):
        load_sae(folder)
    (folder / CONFIG).write_text("[]")
    with pytest.raises(ContentError, match="a JSON object is wanted"):
        load_sae(folder)
