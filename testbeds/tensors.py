"""The header of a safetensors file: what tensors it says it holds, checked against the bytes that are there.

The format is eight bytes with the header's length, the header as JSON, and the tensors' bytes without gaps. Everything
a reader relies on is in the header, so a file that passes here can be mapped without surprises; no tensor is read.
"""

from math import prod
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from cordelia.contracts.errors import ContentError
from cordelia.contracts.plain import NotPlainError, plain_json
from cordelia.contracts.wording import problem_of

MAX_HEADER_BYTES = 16_000_000
BYTES_OF = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}

Size = Annotated[int, Field(ge=0, lt=2**40)]


class Tensor(BaseModel):
    """One tensor: its number format, its shape, and where its bytes begin and end after the header."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    dtype: Literal["F64", "F32", "F16", "BF16"]
    shape: list[Size] = Field(max_length=8)
    data_offsets: list[Size] = Field(min_length=2, max_length=2)

    @property
    def size(self) -> int:
        """How many bytes its shape needs."""
        return BYTES_OF[self.dtype] * prod(self.shape)


_HEADER = TypeAdapter(dict[str, Tensor])


def read_header(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name.

    Raises:
        ContentError: it is not safetensors, is cut off, or its header does not describe its bytes.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        room = path.stat().st_size - 8
        if not 0 < length <= room:
            raise ContentError(
                path,
                f"not safetensors, or cut off: its header is to have {length:,} bytes, and {max(room, 0):,} are there",
            )
        if length > MAX_HEADER_BYTES:
            raise ContentError(path, f"its header is larger than {MAX_HEADER_BYTES:,} bytes")
        raw = file.read(length)
    tensors = _tensors(path, raw)
    end = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: item[1].data_offsets):
        begin, stop = tensor.data_offsets
        if begin != end or stop - begin != tensor.size:
            raise ContentError(path, "its bytes are not where its shape and format say", name)
        end = stop
    if end != room - length:
        raise ContentError(
            path, f"cut off or too long: its tensors need {end:,} bytes, and {room - length:,} are there"
        )
    return tensors


def _tensors(path: Path, raw: bytes) -> dict[str, Tensor]:
    try:
        data = plain_json(raw.decode("utf-8"))
        if isinstance(data, dict):
            data.pop("__metadata__", None)
        return _HEADER.validate_python(data)
    except UnicodeDecodeError as error:
        raise ContentError(path, "its header is not UTF-8") from error
    except NotPlainError as error:
        raise ContentError(path, f"its header: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or None
        raise ContentError(path, f"its header: {problem_of(first, list(Tensor.model_fields))}", key) from error
