"""Adapters made stronger or weaker, or changed otherwise: a copy of the folder, made once, for any backend.

A LoRA adds B·A·x, so scaling B scales all that the adapter does: 1 is the adapter, 0 the base, 2 twice the change. The
copy lies in the cache under the hash of what it was made from, so every process finds the same one.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from cordelia.testbeds.adapter import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from cordelia.testbeds.tensors import read_header
from cordelia.testbeds.vectors import Array
from cordelia.testbeds.weights import cache_root, sha256_of

Change = Callable[[str, Array], Array | None]
"""What takes the place of a matrix, by its name and its numbers (float32, flat); None leaves it as it is."""


def scaled_adapter(folder: Path | None, scale: float) -> Path | None:
    """The folder of an adapter at a scale. Blocks: it reads and maybe writes the adapter's weights.

    Args:
        folder: a checked adapter, or None for an organism without one.
        scale: what its change is multiplied by; may be negative.

    Returns:
        The folder itself at 1, None (the base) at 0 or without an adapter, else the folder of the scaled copy.
    """
    if folder is None or scale == 0:
        return None
    if scale == 1:
        return folder
    return changed_adapter(folder, repr(float(scale)), partial(_scaled, scale))


def changed_adapter(folder: Path, how: str, change: Change) -> Path:
    """The folder of a copy of an adapter whose matrices are changed. Blocks.

    Args:
        folder: a checked adapter.
        how: the change in words; the same words on the same adapter are the same copy.
        change: what takes the place of a matrix.
    """
    content = sha256_of(folder / ADAPTER_WEIGHTS) + sha256_of(folder / ADAPTER_CONFIG)
    name = hashlib.sha256(f"{content} {how}".encode()).hexdigest()[:32]
    target = cache_root() / "scaled" / name
    if not target.is_dir():
        _make(folder, change, target)
    return target


def _make(folder: Path, change: Change, target: Path) -> None:
    """Write the copy beside its place and rename it, so that it is there as a whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=target.parent, prefix=".making-"))
    try:
        (made / ADAPTER_WEIGHTS).write_bytes(changed_weights(folder / ADAPTER_WEIGHTS, change))
        shutil.copyfile(folder / ADAPTER_CONFIG, made / ADAPTER_CONFIG)
        made.chmod(0o755)
        made.rename(target)
    except OSError:
        if not target.is_dir():  # another process was first otherwise
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def changed_weights(path: Path, change: Change) -> bytes:
    """A safetensors file with matrices changed; these are float32, so that nothing is rounded to a coarser type."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    parts: list[bytes] = []
    end = 0
    for name, tensor in read_header(path).items():
        kind, part = tensor.dtype, data[start + tensor.data_offsets[0] : start + tensor.data_offsets[1]]
        changed = change(name, _numbers(part, kind))
        if changed is not None:
            kind, part = "F32", changed.astype("<f4").tobytes()
        header[name] = {"dtype": kind, "shape": tensor.shape, "data_offsets": [end, end + len(part)]}
        parts.append(part)
        end += len(part)
    words = json.dumps(header).encode()
    words += b" " * (-len(words) % 8)  # the tensors begin at a multiple of eight
    return len(words).to_bytes(8, "little") + words + b"".join(parts)


def _scaled(scale: float, name: str, numbers: Array) -> Array | None:
    return numbers * np.float32(scale) if name.endswith("lora_B.weight") else None


def _numbers(data: bytes, kind: str) -> Array:
    if kind == "BF16":  # the upper half of a float32
        return (np.frombuffer(data, dtype="<u2").astype(np.uint32) << 16).view(np.float32)
    return np.frombuffer(data, dtype={"F64": "<f8", "F32": "<f4", "F16": "<f2"}[kind]).astype(np.float32)
