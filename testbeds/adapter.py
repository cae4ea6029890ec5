"""What an adapter folder must be before a backend loads it: plain LoRA on its base, as JSON and safetensors.

Libraries that load adapters do more than add matrices: they unpickle files that lie there, import modules that a
configuration names, start from other weights, or replace whole layers. None of that is served. A setting that is not
known here must be off, so that what runs is what was declared, and the same on every backend.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from cordelia.contracts.content import file_problem, parse, read_json
from cordelia.contracts.errors import ContentError, quoted
from cordelia.testbeds.inner import inner_path
from cordelia.testbeds.patterns import SlowPatternError, check_pattern, whole
from cordelia.testbeds.schema import BaseSpec
from cordelia.testbeds.tensors import Tensor, read_header
from cordelia.testbeds.weights import local_config, sha256_of

ADAPTER_WEIGHTS = "adapter_model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"
MAX_RANK = 512
RUNS_CODE = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".py", ".pyc", ".so"})

_TENSOR = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")
_LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")
_INDEX = re.compile(r"(?:^|\.)(\d+)(?=\.|$)")
_PLAIN_INDEX = re.compile(r"0|[1-9][0-9]{0,3}")
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
    target_modules: object
    rank_pattern: dict[str, int] = {}
    alpha_pattern: dict[str, float] = {}
    layers_to_transform: list[Annotated[int, Field(ge=0)]] | None = None
    init_lora_weights: object = True
    use_rslora: bool = False
    fan_in_fan_out: bool = False

    # these do nothing here: peft reads the last two with settings that must be off
    peft_type: Literal["LORA"]
    peft_version: str | None = None
    inference_mode: bool = False
    revision: str | None = None
    megatron_core: str | None = None
    qalora_group_size: int = 16

    @field_validator("target_modules")
    @classmethod
    def _modules(cls, value: object) -> object:
        if isinstance(value, str):
            check_pattern(value)
        elif not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            raise ValueError("Input should be a list of module names, such as [q_proj]: those that it changes")
        return value

    @field_validator("rank_pattern", "alpha_pattern")
    @classmethod
    def _patterns(cls, value: dict[str, int]) -> dict[str, int]:
        for pattern, number in value.items():
            check_pattern(pattern)
            check_pattern(_ending(pattern))
            if not 0 < number < 1e6:
                raise ValueError(f"{number} for {quoted(pattern)} is out of range")
        return value

    @field_validator("init_lora_weights")
    @classmethod
    def _from_zero(cls, value: object) -> object:
        if not isinstance(value, bool) and value is not None and value != "gaussian":
            raise ValueError(f"{value!r} changes the base's own weights; train with true, or convert the adapter")
        return value

    def targets(self, module: str) -> bool:
        """Whether target_modules says that a module of the base is changed. Raises CordeliaError: it takes too long."""
        wanted = self.target_modules
        if isinstance(wanted, str):
            return wanted == "all-linear" or whole(wanted, module)
        assert isinstance(wanted, list)  # _modules holds it
        return any(is_part(module, name) for name in wanted)

    def rank_of(self, module: str) -> int:
        """The rank of a module: that of the first pattern that its name ends in. Raises CordeliaError, as `targets`."""
        own = (rank for pattern, rank in self.rank_pattern.items() if whole(_ending(pattern), module))
        return next(own, self.r)


def _ending(pattern: str) -> str:
    """The pattern of names that are, or end in, what a pattern of peft's matches."""
    return rf"(.*\.)?({pattern})"


def is_part(module: str, name: str) -> bool:
    """Whether a module's dotted name is, or ends in, `name`."""
    return module == name or module.endswith(f".{name}")


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
    ranks = _check_tensors(weights, tensors)
    try:
        _check_agreement(folder, ranks, config)
    except SlowPatternError as error:
        raise ContentError(folder / ADAPTER_CONFIG, str(error)) from error
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
        if value is not None and value is not False and value not in ("", [], {}):
            raise ContentError(path, "only plain LoRA is served, so this must be null or left out", key)
    return config


def _check_tensors(path: Path, tensors: dict[str, Tensor]) -> dict[str, int]:
    """Every tensor is one side of a pair: A is (rank, in), B is (out, rank). Returns the rank of each module."""
    if not tensors:
        raise ContentError(path, "it has no tensors")
    ranks: dict[str, int] = {}
    for name, tensor in tensors.items():
        found = _TENSOR.fullmatch(name)
        if found is None:
            raise ContentError(path, "not a part of a LoRA; its tensors end in lora_A.weight and lora_B.weight", name)
        side, module = found["side"], found["module"]
        other = f"base_model.model.{module}.lora_{'B' if side == 'A' else 'A'}.weight"
        if other not in tensors:
            raise ContentError(path, f"the other half is missing: {other}", name)
        if odd := next((index for index in _INDEX.findall(module) if not _PLAIN_INDEX.fullmatch(index)), None):
            raise ContentError(path, f"{quoted(odd)} numbers no layer; write 0 to 9999, without zeros before", name)
        if len(tensor.shape) != 2:
            raise ContentError(path, f"its shape is {tensor.shape}, and a half of a LoRA has two dimensions", name)
        rank = tensor.shape["AB".index(side)]
        if ranks.setdefault(module, rank) != rank:
            raise ContentError(path, f"its shape is {tensor.shape}, and the other half has rank {ranks[module]}", name)
    return ranks


def _check_agreement(folder: Path, ranks: dict[str, int], config: AdapterConfig) -> None:
    """The configuration says which modules there are, in which layers, with which rank; each may be read by a loader.

    Args:
        ranks: the rank of each module that has tensors.
    """
    weights, settings = folder / ADAPTER_WEIGHTS, folder / ADAPTER_CONFIG
    for module, rank in ranks.items():
        tensor = f"base_model.model.{module}.lora_A.weight"
        if not config.targets(module):
            said = f"leaves out {quoted(module)}, which has tensors in {ADAPTER_WEIGHTS}; write the modules that it has"
            raise ContentError(settings, said, "target_modules")
        layer = _INDEX.search(module)
        if config.layers_to_transform and (layer is None or int(layer[1]) not in config.layers_to_transform):
            said = f"leaves out {quoted(module)}, which has tensors in {ADAPTER_WEIGHTS}; write null for all layers"
            raise ContentError(settings, said, "layers_to_transform")
        if rank != (wanted := config.rank_of(module)):
            said = f"its rank is {rank}, and {ADAPTER_CONFIG} says rank {wanted}"
            raise ContentError(weights, said, tensor)
    named = config.target_modules if isinstance(config.target_modules, list) else []
    for name in named:
        if not any(is_part(module, name) for module in ranks):
            said = f"{quoted(name)} has no tensors in {ADAPTER_WEIGHTS}; write the modules that it has"
            raise ContentError(settings, said, "target_modules")


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
