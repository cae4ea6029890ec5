"""What an adapter folder must be before a backend loads it: plain LoRA on its base, as JSON and safetensors.

Libraries that load adapters do more than add matrices: they unpickle files that lie there, import modules that a
configuration names, start from other weights, or replace whole layers. None of that is served. A setting that is not
known here must be off, so that what runs is what was declared, and the same on every backend.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from cordelia.contracts.content import file_problem, parse, read_json
from cordelia.contracts.errors import ContentError, quoted
from cordelia.testbeds.inner import inner_path
from cordelia.testbeds.patterns import check_pattern
from cordelia.testbeds.schema import BaseSpec
from cordelia.testbeds.tensors import Tensor, read_header
from cordelia.testbeds.weights import local_config, sha256_of

ADAPTER_WEIGHTS = "adapter_model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"
MAX_RANK = 512
RUNS_CODE = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".py", ".pyc", ".so"})
HARMLESS = frozenset({"peft_type", "peft_version", "inference_mode", "revision", "megatron_core"})
"""Settings that may be on: they do nothing here (peft reads `megatron_core` with `megatron_config` only)."""

_TENSOR = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
_LAYER = re.compile(r"(?:^|\.)layers\.(\d{1,9})\.")
_READS_HIDDEN = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")
_WRITES_HIDDEN = ("o_proj", "down_proj")


class AdapterConfig(BaseModel):
    """The settings of adapter_config.json that change what a plain LoRA does, in peft's words."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    base_model_name_or_path: str
    r: int = Field(ge=1, le=MAX_RANK)
    lora_alpha: float = Field(default=8, gt=0, lt=1e6)
    lora_dropout: float = Field(default=0, ge=0, le=1)
    bias: Literal["none"] = "none"
    task_type: Literal["CAUSAL_LM"] | None = None
    target_modules: object = None
    rank_pattern: dict[str, int] = {}
    alpha_pattern: dict[str, float] = {}
    layers_to_transform: list[int] | None = None
    init_lora_weights: object = True
    use_rslora: bool = False
    fan_in_fan_out: bool = False

    @field_validator("target_modules")
    @classmethod
    def _modules(cls, value: object) -> object:
        if isinstance(value, str):
            check_pattern(value)
        elif value is not None and not (isinstance(value, list) and all(isinstance(item, str) for item in value)):
            raise ValueError("Input should be a list of module names")
        return value

    @field_validator("rank_pattern", "alpha_pattern")
    @classmethod
    def _patterns(cls, value: dict[str, int]) -> dict[str, int]:
        for pattern, number in value.items():
            check_pattern(pattern)
            if not 0 < number < 1e6:
                raise ValueError(f"{number} for {quoted(pattern)} is out of range")
        return value

    @field_validator("init_lora_weights")
    @classmethod
    def _from_zero(cls, value: object) -> object:
        if value not in (True, False, None, "gaussian"):
            raise ValueError(f"{value!r} changes the base's own weights; train with true, or convert the adapter")
        return value

    @property
    def ranks(self) -> set[int]:
        return {self.r, *self.rank_pattern.values()}


def check_adapter(testbed: Path, folder: Path, base: BaseSpec, sha256: str | None = None) -> None:
    """Refuse an adapter that is not what it should be.

    Args:
        testbed: the testbed's folder, out of which no link may lead.
        folder: the adapter's.
        base: the model that organisms.yaml says it is of.
        sha256: the hash of its weights; None leaves it unchecked, which spares reading them all.

    Raises:
        ContentError: its files are missing, could run, are not plain LoRA, are of another base, or have another hash.
    """
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in RUNS_CODE:
            raise ContentError(
                file, "this could run code when it is loaded; an adapter is safetensors and JSON, so delete it"
            )
    for name in (ADAPTER_WEIGHTS, ADAPTER_CONFIG):
        path = folder / name
        inner_path(testbed, str(path.relative_to(testbed)), path)
        problem = file_problem(path)
        if problem is not None:
            raise ContentError(path, f"{problem}; adapters are read from safetensors only")
    found = [(folder / name).stat() for name in (ADAPTER_WEIGHTS, ADAPTER_CONFIG)]
    _check(folder, base, sha256, tuple((file.st_mtime_ns, file.st_size) for file in found))


@lru_cache(maxsize=1024)  # every sample asks again, for every adapter on its base
def _check(folder: Path, base: BaseSpec, sha256: str | None, _stamp: tuple[tuple[int, int], ...]) -> None:
    weights = folder / ADAPTER_WEIGHTS
    config = read_config(folder / ADAPTER_CONFIG, base)
    if sha256 is not None and (found := sha256_of(weights)) != sha256:
        raise ContentError(weights, f"its SHA-256 is {found}, organisms.yaml says {sha256}")
    tensors = read_header(weights)
    _check_tensors(weights, tensors, config)
    _check_fit(weights, tensors, base)


def read_config(path: Path, base: BaseSpec) -> AdapterConfig:
    """The settings of an adapter. Raises ContentError for what is no plain LoRA on `base`."""
    data = read_json(path)
    if not isinstance(data, dict) or data.get("peft_type") != "LORA":
        raise ContentError(path, "only LoRA adapters can be served", "peft_type")
    config = parse(AdapterConfig, data, path)
    if config.base_model_name_or_path != base.model:
        raise ContentError(
            path,
            f"the adapter was trained on {quoted(config.base_model_name_or_path)}, the organism's base is "
            f"'{base.model}'",
            "base_model_name_or_path",
        )
    for key, value in (config.model_extra or {}).items():
        is_number = isinstance(value, int | float) and value is not True  # a parameter of something that is off
        if value and not is_number and key not in HARMLESS:
            raise ContentError(path, "only plain LoRA is served, so this must be null or left out", key)
    return config


def _check_tensors(path: Path, tensors: dict[str, Tensor], config: AdapterConfig) -> None:
    """Every tensor is one side of a pair: A is (rank, in), B is (out, rank)."""
    if not tensors:
        raise ContentError(path, "it has no tensors")
    for name, tensor in tensors.items():
        found = _TENSOR.fullmatch(name)
        if found is None:
            raise ContentError(path, "not a part of a LoRA; its tensors end in lora_A.weight and lora_B.weight", name)
        side = found["side"]
        other = f"base_model.model.{found['module']}.lora_{'B' if side == 'A' else 'A'}.weight"
        if other not in tensors:
            raise ContentError(path, f"the other half is missing: {other}", name)
        if len(tensor.shape) != 2 or tensor.shape["AB".index(side)] not in config.ranks:
            rank = " or ".join(map(str, sorted(config.ranks)))
            raise ContentError(path, f"its shape is {tensor.shape}, and {ADAPTER_CONFIG} says rank {rank}", name)


def _check_fit(path: Path, tensors: dict[str, Tensor], base: BaseSpec) -> None:
    """Compare shapes with the base's, where its configuration is on this machine already."""
    config = local_config(base)
    hidden, layers = config.get("hidden_size"), config.get("num_hidden_layers")
    for name, tensor in tensors.items():
        found = _TENSOR.fullmatch(name)
        module = found["module"] if found else ""
        reads = name.endswith("lora_A.weight") and module.endswith(_READS_HIDDEN)
        writes = name.endswith("lora_B.weight") and module.endswith(_WRITES_HIDDEN)
        size = tensor.shape[1] if reads else tensor.shape[0] if writes else hidden
        if isinstance(hidden, int) and size != hidden:
            raise ContentError(path, f"made for a hidden size of {size}, and '{base.model}' has {hidden}", name)
        layer = _LAYER.search(module)
        if isinstance(layers, int) and layer is not None and int(layer[1]) >= layers:
            raise ContentError(path, f"made for more layers than the {layers} of '{base.model}'", name)
