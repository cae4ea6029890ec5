"""What goes to vllm-lens in a vLLM server, and what comes back: interventions and captures of one request, as data.

They travel in `vllm_xargs`, and come back in the answer as `hook_results` and `activations`. A request with either
reads nothing from the prefix cache (vllm-lens sees to that), but it writes there, and what it writes under an
intervention is not the model's own. So it gets a salt of its own, and nobody else reads it.
"""

import base64
import binascii
import inspect
import json
import math
import pickle
import secrets
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from cordelia.testbeds.backends.base import Loaded, TargetError
from cordelia.testbeds.backends.compiler import check_applied, check_positions, compile_interventions
from cordelia.testbeds.backends.vllm import hook
from cordelia.testbeds.backends.vllm.command import INSTALL_LENS
from cordelia.testbeds.vectors import Array

if TYPE_CHECKING:
    from openai.types import Completion


class _Block(BaseModel):
    """What the hook did at one block; see hook.Report."""

    read: int
    applied: list[tuple[int, int]]


class _Tensor(BaseModel):
    """A tensor as vllm-lens writes it: zstd in base64; bfloat16 in the clothes of int16."""

    data: str
    dtype: Literal["float32", "float16", "int16"]
    original_dtype: str = ""
    shape: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=3, max_length=3)]
    compression: Literal["zstd"]


_BLOCKS: TypeAdapter[dict[str, _Block]] = TypeAdapter(dict[str, _Block])


def hook_body(loaded: Sequence[Loaded], blocks: int, width: int, prompt: int) -> dict[str, object]:
    """What the body of a request needs for its interventions. Raises CordeliaError where one does not fit the model.

    Args:
        loaded: the interventions.
        blocks, width: of the model.
        prompt: how many tokens the prompt has.
    """
    functions = compile_interventions(loaded, blocks, width)
    steps = {block: [hook.fields_of(step) for step in function.steps] for block, function in functions.items()}
    sent = base64.b64encode(pickle.dumps(hook.InsideHook(_code(), steps, prompt))).decode("ascii")
    asked = {"fn": {"cloudpickle": sent}, "layer_indices": list(functions), "pre": False}
    return {"vllm_xargs": {"apply_hooks": json.dumps([asked])}, "cache_salt": secrets.token_hex(16)}


def check_hooks(completion: "Completion", loaded: Sequence[Loaded], prompt: int) -> None:
    """Refuse an answer that is not one under the interventions that were asked for.

    Args:
        completion: the answer to one prompt, with one choice.
        loaded: the interventions.
        prompt: how many tokens the prompt has.

    Raises:
        CordeliaError: a list names a position past the end of what was read.
        TargetError: an intervention failed, or was not applied to exactly the tokens that it names.
    """
    written = completion.usage.completion_tokens if completion.usage else 0
    results = (completion.model_extra or {}).get("hook_results")
    found = results.get("0") if isinstance(results, dict) else None
    if not isinstance(found, dict):
        raise TargetError(f"the vLLM server did not say what it did to activations: has it vllm-lens? ({INSTALL_LENS})")
    if "error" in found:
        raise TargetError(f"an intervention failed in the vLLM server: {str(found['error'])[:300]}")
    try:
        blocks = _BLOCKS.validate_python(found)
    except ValidationError as error:
        raise TargetError(f"the vLLM server's word on interventions makes no sense: {error.errors()[0]}") from error
    check_positions(loaded, prompt + written - 1)
    # the engine may read a token more than the answer has before it learns that the answer has ended
    read = {block.read for block in blocks.values()}
    if len(read) != 1 or min(read) < prompt + written - 1:
        raise TargetError(
            f"the vLLM server intervened on {sorted(read)} of {prompt + written - 1} tokens, so the reply is not one "
            "under the interventions that were asked for"
        )
    applied = dict(pair for block in blocks.values() for pair in block.applied)
    check_applied(loaded, applied, prompt, read.pop())


def capture_body(layers: Sequence[int]) -> dict[str, object]:
    """The body of a request for the output of blocks over its prompt. vLLM cannot write nothing."""
    wanted = json.dumps(sorted(set(layers)))
    return {"max_tokens": 1, "temperature": 0.0, "vllm_xargs": {"output_residual_stream": wanted}}


def captured_of(completion: "Completion", layers: Sequence[int], tokens: int) -> Array:
    """The output of blocks, float32 [layers, tokens, width], in the order of `layers`.

    Raises:
        ValueError: the server did not give it.
    """
    given = (completion.model_extra or {}).get("activations")
    try:
        tensor = _Tensor.model_validate(given.get("residual_stream") if isinstance(given, dict) else None)
    except ValidationError as error:
        raise ValueError(f"it gave no activations; has it vllm-lens? ({INSTALL_LENS})") from error
    ascending = sorted(set(layers))
    if tensor.shape[:2] != [len(ascending), tokens]:
        raise ValueError(f"it gave activations of shape {tensor.shape} for {len(ascending)} layers, {tokens} tokens")
    return _values(tensor)[[ascending.index(layer) for layer in layers]]


def _values(tensor: _Tensor) -> Array:
    import zstandard

    kind = np.dtype(tensor.dtype).newbyteorder("<")
    size = kind.itemsize * math.prod(tensor.shape)
    try:
        packed = base64.b64decode(tensor.data, validate=True)
        raw = zstandard.ZstdDecompressor().decompress(packed, max_output_size=size)
        values = np.frombuffer(raw, dtype=kind).reshape(tensor.shape)
    except (binascii.Error, zstandard.ZstdError, ValueError) as error:
        raise ValueError(f"its activations cannot be read: {error}") from error
    if tensor.original_dtype == "torch.bfloat16":  # the upper half of a float32
        return (values.view("<u2").astype(np.uint32) << 16).view(np.float32)
    return values.astype(np.float32)


@cache
def _code() -> dict[str, str]:
    from cordelia.testbeds.backends import block_function

    return {"block_function": inspect.getsource(block_function), "hook": inspect.getsource(hook)}
