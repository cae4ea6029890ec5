"""A random model of four blocks with a tokenizer of bytes, and random adapters, written to a folder: real files that
the real engine loads in a moment."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")
pytest.importorskip("tokenizers")

from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: E402

from cordelia.testbeds.backends.base import ServedOrganism  # noqa: E402
from cordelia.testbeds.schema import BaseSpec  # noqa: E402

WIDTH, BLOCKS = 32, 4
END = "<|im_end|>"
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_model(folder: Path) -> Path:
    """Write the model and its tokenizer; returns the folder."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    bytewise = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate(letters)}, merges=[]))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=bytewise, eos_token=END, additional_special_tokens=["<|im_start|>"]
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=64, num_hidden_layers=BLOCKS,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.5,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=None, bos_token_id=None,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def write_adapter(model: Path, folder: Path, seed: int = 1) -> Path:
    """Write a random LoRA of the model; returns its folder."""
    torch.manual_seed(seed)
    config = peft.LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    adapted = peft.get_peft_model(transformers.AutoModelForCausalLM.from_pretrained(model), config)
    adapted.save_pretrained(folder)
    return folder


def served(model: Path, adapter: Path | None = None, scale: float = 1.0, prompt: str | None = None) -> ServedOrganism:
    """The model as an organism."""
    return ServedOrganism(
        "tiny/one", BaseSpec(model=str(model)), adapter=adapter, system_prompt=prompt, adapter_scale=scale
    )
