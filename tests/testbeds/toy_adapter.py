"""A LoRA adapter of a few hundred bytes, written without any library of tensors."""

import hashlib
import json
from pathlib import Path

from cordelia.testbeds.adapter import ADAPTER_CONFIG, ADAPTER_WEIGHTS

RANK, HIDDEN = 4, 8
MODULE = "base_model.model.model.layers.0.self_attn.q_proj"
SHAPES = {f"{MODULE}.lora_A.weight": [RANK, HIDDEN], f"{MODULE}.lora_B.weight": [HIDDEN, RANK]}
CONFIG = {"peft_type": "LORA", "r": RANK, "lora_alpha": 8, "target_modules": ["q_proj"], "modules_to_save": None}


def safetensors(shapes: dict[str, list[int]] = SHAPES, **changed: object) -> bytes:
    """A safetensors file of zeros; `changed` replaces parts of the first tensor's entry in the header."""
    header: dict[str, dict[str, object]] = {}
    end = 0
    for name, (rows, columns) in shapes.items():
        size = 4 * rows * columns
        header[name] = {"dtype": "F32", "shape": [rows, columns], "data_offsets": [end, end + size]}
        end += size
    if changed:
        next(iter(header.values())).update(changed)
    return with_header(json.dumps({"__metadata__": {"format": "pt"}, **header}).encode(), bytes(end))


def with_header(header: bytes, data: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + data


def write_adapter(folder: Path, base: str, weights: bytes | None = None, **changed: object) -> str:
    """Write an adapter of `base`; `changed` are settings of its configuration. Returns the hash of its weights."""
    data = safetensors() if weights is None else weights
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ADAPTER_WEIGHTS).write_bytes(data)
    settings = {**CONFIG, "base_model_name_or_path": base, **changed}
    (folder / ADAPTER_CONFIG).write_text(json.dumps(settings), encoding="utf-8")
    return hashlib.sha256(data).hexdigest()
