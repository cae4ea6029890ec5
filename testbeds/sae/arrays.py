"""Safetensors files as float32 numpy arrays, whatever float format they were written in, and written as float16."""

from pathlib import Path

import numpy as np

from cordelia.contracts.content import file_problem
from cordelia.contracts.errors import ContentError, MissingExtraError
from cordelia.testbeds.tensors import Tensor, read_header
from cordelia.testbeds.vectors import Array

_NUMPY = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}


def read_arrays(path: Path) -> dict[str, Array]:
    """Every tensor of a safetensors file. Raises ContentError: missing, malformed, or numbers that are not finite."""
    problem = file_problem(path)
    if problem is not None:
        raise ContentError(path, problem)
    tensors = read_header(path)
    with path.open("rb") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
        found = {}
        for name, tensor in tensors.items():
            file.seek(start + tensor.data_offsets[0])
            array = _float32(file.read(tensor.size), tensor)
            if not np.isfinite(array).all():
                raise ContentError(path, "holds numbers that are not finite", name)
            found[name] = array
    return found


def _float32(raw: bytes, tensor: Tensor) -> Array:
    array = np.frombuffer(raw, dtype=_NUMPY[tensor.dtype])
    if tensor.dtype == "BF16":  # the upper half of a float32
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32).reshape(tensor.shape)


def write_arrays(arrays: dict[str, Array], path: Path, dtype: type[np.floating] = np.float16) -> None:
    """Write tensors, atomically. Raises MissingExtraError without safetensors."""
    try:
        from safetensors.numpy import save
    except ImportError as error:
        raise MissingExtraError("Writing an autoencoder", "local", "safetensors") from error
    part = path.with_suffix(".part")
    part.write_bytes(save({name: np.ascontiguousarray(array, dtype=dtype) for name, array in arrays.items()}))
    part.replace(path)
