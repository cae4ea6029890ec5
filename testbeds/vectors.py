"""The store of vectors: tensors in safetensors files beside the log, named by what they hold.

The log keeps references (16 hexadecimal digits of a SHA-256) and summaries. A vector that is kept twice is one file,
so an audit that is resumed or run again finds what it made.
"""

import hashlib
import os
import re
import secrets
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.places import beside_logs

Array = NDArray[np.float32]
MAX_BYTES = 64_000_000
_REF = re.compile(r"[0-9a-f]{16}")


def keep_vector(values: Array) -> str:
    """Write a tensor (float32, any shape) beside the log; returns its reference. Blocks: call it in a thread.

    Raises:
        CordeliaError: it is empty, larger than 64 MB, or holds something that is no finite number.
    """
    from safetensors.numpy import save

    array = np.ascontiguousarray(values, dtype=np.float32)
    if not array.size or array.nbytes > MAX_BYTES or not np.isfinite(array).all():
        raise CordeliaError(f"A vector of shape {array.shape} cannot be kept: empty, too large, or not finite.")
    digest = hashlib.sha256(f"{array.shape}".encode() + array.tobytes()).hexdigest()[:16]
    path = _file(digest)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}-{secrets.token_hex(4)}")
        part.write_bytes(save({"vector": array}))
        part.replace(path)
    return digest


def load_vector(reference: str) -> Array:
    """The tensor of a reference. Raises CordeliaError when there is none beside the log of the running sample."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = _file(reference) if _REF.fullmatch(reference) else None
    if path is None or not path.is_file():
        raise CordeliaError(f"There is no vector '{reference}' beside the log ({_folder()}).")
    try:
        return np.asarray(load(path.read_bytes())["vector"], dtype=np.float32)
    except (SafetensorError, KeyError) as error:
        raise CordeliaError(f"{path} is not a vector that was kept here; delete it. ({error})") from error


def _folder() -> Path:
    return beside_logs("vectors")


def _file(reference: str) -> Path:
    return _folder() / f"{reference}.safetensors"
