"""The norm and head that a lens loads alone say what those of the whole model say, in several families."""

from pathlib import Path

import numpy as np
import pytest

from cordelia.testbeds.backends.vllm.head import Shape, load_head, shape_of, through_head

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

COMMON = {"vocab_size": 61, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
MORE = {"intermediate_size": 48, "num_key_value_heads": 2, "head_dim": 16}
FAMILIES = {
    "llama": ("LlamaConfig", {**COMMON, **MORE, "tie_word_embeddings": False}),
    "qwen3, tied": ("Qwen3Config", {**COMMON, **MORE, "tie_word_embeddings": True}),
    "gpt2": ("GPT2Config", {"vocab_size": 61, "n_embd": 32, "n_layer": 3, "n_head": 2}),
    "gemma2": ("Gemma2Config", {**COMMON, **MORE, "final_logit_softcapping": 5.0}),
    "gpt-neox": ("GPTNeoXConfig", {**COMMON, "intermediate_size": 48}),
    "cohere": ("CohereConfig", {**COMMON, "intermediate_size": 48, "logit_scale": 0.25, "pad_token_id": 0}),
}


def saved(folder: Path, family: str, shard: str = "1GB") -> "torch.nn.Module":
    name, settings = FAMILIES[family]
    torch.manual_seed(1)
    config = getattr(transformers, name)(**settings)
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    for parameter in model.parameters():
        parameter.data.normal_()
    model.save_pretrained(folder, max_shard_size=shard)
    return model.eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_lens_is_the_models_own(tmp_path: Path, family: str) -> None:
    """The bar: the logits of the model, for what comes into its final norm."""
    from cordelia.testbeds.backends.anatomy import Anatomy

    model = saved(tmp_path, family)
    seen: list[torch.Tensor] = []
    anatomy = Anatomy.of(model)
    anatomy.norm.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    with torch.no_grad():
        logits = model(torch.tensor([[5, 9, 2, 7]])).logits[0].numpy()
    tokens, values = through_head(str(tmp_path), seen[0][0].numpy(), 5)
    assert shape_of(str(tmp_path)) == Shape(3, 32)
    np.testing.assert_array_equal(tokens, np.argsort(-logits, axis=-1)[:, :5])
    np.testing.assert_allclose(values, -np.sort(-logits, axis=-1)[:, :5], rtol=1e-4, atol=1e-4)


def test_weights_in_several_files(tmp_path: Path) -> None:
    saved(tmp_path / "one", "llama")
    saved(tmp_path / "many", "llama", shard="10KB")
    assert len(list((tmp_path / "many").glob("*.safetensors"))) > 2
    vectors = np.random.default_rng(0).standard_normal((2, 32)).astype(np.float32)
    for one, many in zip(*(through_head(str(tmp_path / name), vectors, 3) for name in ("one", "many")), strict=True):
        np.testing.assert_array_equal(one, many)


def test_nothing_but_norm_and_head_is_kept(tmp_path: Path) -> None:
    saved(tmp_path, "llama")
    anatomy = load_head(str(tmp_path))
    assert load_head(str(tmp_path)) is anatomy
    assert not len(anatomy.blocks)
    kept = [tensor.shape for tensor in (*anatomy.model.parameters(), *anatomy.decoder.parameters())]
    assert kept == [(61, 32)]


def test_weights_that_are_not_there_are_missed(tmp_path: Path) -> None:
    saved(tmp_path, "llama")
    for path in tmp_path.glob("*.safetensors"):
        path.unlink()
    with pytest.raises(OSError, match=r"model\.safetensors"):
        load_head(str(tmp_path))
