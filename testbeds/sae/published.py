"""Autoencoders in the layout that the field publishes them in (SAELens): cfg.json and sae_weights.safetensors.

What is trained here is written the same way, so there is one format and one reader. Only autoencoders of a residual
stream are read: an Add or Clamp on one of another place would be another experiment. Nothing is unpickled.

Which tokens were left out of training stands under `metadata.sinks`, which SAELens reads past. An autoencoder of
somebody else's does not say it, and no rule is made up for it: it may have been trained on all tokens.

A setting that would make another autoencoder of it is read or refused by name (notes.py), never passed over.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from cordelia.contracts.content import file_problem, parse, read_json
from cordelia.contracts.errors import ContentError, quoted
from cordelia.testbeds.adapter import RUNS_CODE
from cordelia.testbeds.sae.arrays import read_arrays, write_arrays
from cordelia.testbeds.sae.notes import check_settings, mean_taken_off
from cordelia.testbeds.sae.sae import Kind, Norm, Sae
from cordelia.testbeds.sae.sinks import SinkRule
from cordelia.testbeds.vectors import Array

CONFIG = "cfg.json"
WEIGHTS = "sae_weights.safetensors"
_HOOK = re.compile(r"blocks\.(\d{1,4})\.hook_resid_(pre|post)")
_ACTIVATIONS = {"standard": {"", "relu", "topk"}, "topk": {"", "relu", "topk"}, "jumprelu": {"", "relu", "jumprelu"}}
"""By architecture, which activations are read. Of a TopK one, ReLU is what comes after the k largest."""
_READ = "standard, topk, jumprelu"


class _Metadata(BaseModel):
    """What of the metadata is ours. The rest says where the autoencoder belongs, or is somebody's note."""

    model_config = ConfigDict(extra="allow", frozen=True)

    sinks: SinkRule | None = None


class _Cfg(BaseModel):
    """The settings that change what an autoencoder computes; `check_settings` sees to all others."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    architecture: str = "standard"
    d_in: int = Field(ge=1, le=1_000_000)
    d_sae: int = Field(ge=1, le=10_000_000)
    k: int | None = Field(default=None, ge=1)
    apply_b_dec_to_input: bool = True
    normalize_activations: Literal["none", "layer_norm", "constant_norm_rescale", "expected_average_only_in"] = "none"
    reshape_activations: Literal["none"] = "none"
    finetuning_scaling_factor: Literal[False] | None = False
    rescale_acts_by_decoder_norm: bool = False
    activation_fn: str | None = None
    activation_fn_str: str | None = None
    activation_fn_kwargs: dict[str, object] = {}
    metadata: _Metadata | None = None

    @field_validator("normalize_activations", mode="before")
    @classmethod
    def _as_named_today(cls, value: object) -> object:
        return "none" if value is None or value is False else value

    @property
    def activation(self) -> str:
        """Under which name SAELens before version 6 (`_str`) or later says it; empty where it does not."""
        return self.activation_fn_str or self.activation_fn or ""


def load_sae(folder: Path) -> Sae:
    """Read an autoencoder's folder.

    Raises:
        ContentError: a file is missing or malformed, could run code, or says something that is not read here.
    """
    if not folder.is_dir():
        raise ContentError(folder, f"there is no such folder; an autoencoder is a folder with {CONFIG} and {WEIGHTS}")
    for file in sorted(folder.iterdir()):
        if file.suffix.lower() in RUNS_CODE | {".npz"}:
            raise ContentError(
                file, f"not a format that is read; an autoencoder is {CONFIG} and {WEIGHTS}, so convert or delete it"
            )
    path = folder / CONFIG
    data = read_json(path)
    if not isinstance(data, dict):
        raise ContentError(path, "a JSON object is wanted")
    cfg = parse(_Cfg, data, path)
    check_settings(data, set(_Cfg.model_fields), path)
    kind = _kind(cfg, path)
    if cfg.normalize_activations == "expected_average_only_in":
        raise ContentError(
            path,
            "needs a scaling factor that is not in the file; fold it into the weights (in SAELens, "
            "fold_activation_norm_scaling_factor) and save it again",
            "normalize_activations",
        )
    model, block = _place(data, path)
    norm: Norm = cfg.normalize_activations
    if mean_taken_off(data, model, path):
        if norm == "constant_norm_rescale":
            raise ContentError(path, "is not read here with center_writing_weights", "normalize_activations")
        norm = "mean" if norm == "none" else norm  # LayerNorm takes the mean off itself
    return _made(cfg, kind, norm, model, block, _arrays(folder / WEIGHTS, cfg, kind))


def _kind(cfg: _Cfg, path: Path) -> Kind:
    if cfg.architecture == "batchtopk":
        raise ContentError(
            path,
            "a BatchTopK autoencoder is used with its thresholds, as 'jumprelu' with a tensor 'threshold'; save it "
            "for inference",
            "architecture",
        )
    if cfg.architecture not in _ACTIVATIONS:
        raise ContentError(path, f"{quoted(cfg.architecture)} is not read here; these are: {_READ}", "architecture")
    key = "activation_fn_str" if cfg.activation_fn_str else "activation_fn"
    if cfg.activation_fn and cfg.activation != cfg.activation_fn:
        raise ContentError(path, f"is {quoted(cfg.activation)}, and activation_fn {quoted(cfg.activation_fn)}", key)
    if cfg.activation not in _ACTIVATIONS[cfg.architecture]:
        raise ContentError(path, f"{quoted(cfg.activation)} is not read here; these are: {_READ}", key)
    kind: Kind = "topk" if "topk" in (cfg.architecture, cfg.activation) else "standard"
    kind = "jumprelu" if cfg.architecture == "jumprelu" else kind
    unread = sorted(set(cfg.activation_fn_kwargs) - ({"k"} if kind == "topk" else set()))
    if unread:
        raise ContentError(path, f"{quoted(unread[0])} is not read here", "activation_fn_kwargs")
    return kind


def _place(data: Mapping[str, object], path: Path) -> tuple[str, int]:
    """Whose residual stream it reads, after which block."""
    inner = data.get("metadata") or data.get("meta")
    meta = {**data, **inner} if isinstance(inner, dict) else data
    hook, model = str(meta.get("hook_name") or meta.get("hook_point")), meta.get("model_name")
    found = _HOOK.fullmatch(hook)
    if found is None or (found[2] == "pre" and found[1] == "0"):
        raise ContentError(
            path,
            f"{quoted(hook)} is not the residual stream after a block; wanted: blocks.<number>.hook_resid_post",
            "hook_name",
        )
    if not isinstance(model, str) or not model:
        raise ContentError(path, "say which model it was trained on, by its hub id", "model_name")
    return model, int(found[1]) - (found[2] == "pre")


def _arrays(path: Path, cfg: _Cfg, kind: Kind) -> dict[str, Array]:
    arrays = read_arrays(path)
    wanted = {
        "W_enc": (cfg.d_in, cfg.d_sae),
        "b_enc": (cfg.d_sae,),
        "W_dec": (cfg.d_sae, cfg.d_in),
        "b_dec": (cfg.d_in,),
        **({"threshold": (cfg.d_sae,)} if kind == "jumprelu" else {}),
    }
    for name, shape in wanted.items():
        if name not in arrays:
            raise ContentError(path, f"this tensor is missing; it has {', '.join(sorted(arrays))}", name)
        if arrays[name].shape != shape:
            raise ContentError(path, f"its shape is {arrays[name].shape}, and {CONFIG} says {shape}", name)
    for name in sorted(arrays.keys() - wanted.keys()):
        if name != "scaling_factor" or not (arrays[name] == 1).all():  # SAELens writes ones where nothing was finetuned
            raise ContentError(
                path,
                f"this tensor is not read here, and it may change what is computed; read are {', '.join(wanted)}",
                name,
            )
    return arrays


def _made(cfg: _Cfg, kind: Kind, norm: Norm, model: str, block: int, arrays: dict[str, Array]) -> Sae:
    encoder, bias, decoder = arrays["W_enc"], arrays["b_enc"], arrays["W_dec"]
    if cfg.rescale_acts_by_decoder_norm:  # the same autoencoder with decoder rows of length 1
        lengths = np.linalg.norm(decoder, axis=1).clip(min=1e-12)
        encoder, bias, decoder = encoder * lengths, bias * lengths, decoder / lengths[:, None]
    inner = cfg.activation_fn_kwargs.get("k")
    k = cfg.k or (inner if isinstance(inner, int) else 0)
    if kind == "topk" and not 1 <= k <= cfg.d_sae:
        raise ContentError(Path(CONFIG), f"a TopK autoencoder needs k, 1 to {cfg.d_sae}", "k")
    return Sae(
        model=model,
        block=block,
        kind=kind,
        encoder=encoder,
        encoder_bias=bias,
        decoder=decoder,
        decoder_bias=arrays["b_dec"],
        k=k if kind == "topk" else 0,
        threshold=arrays.get("threshold") if kind == "jumprelu" else None,
        centred=cfg.apply_b_dec_to_input,
        norm=norm,
        sinks=cfg.metadata.sinks if cfg.metadata else None,
    )


def save_sae(sae: Sae, folder: Path) -> None:
    """Write an autoencoder in the published layout, weights as float16. `folder` must exist."""
    arrays = {
        "W_enc": sae.encoder,
        "b_enc": sae.encoder_bias,
        "W_dec": sae.decoder,
        "b_dec": sae.decoder_bias,
        **({"threshold": sae.threshold} if sae.threshold is not None else {}),
    }
    cfg = {
        "architecture": sae.kind,
        "d_in": sae.width,
        "d_sae": sae.features,
        **({"k": sae.k} if sae.kind == "topk" else {}),
        "dtype": "float16",
        "device": "cpu",
        "apply_b_dec_to_input": sae.centred,
        "normalize_activations": "none" if sae.norm == "mean" else sae.norm,
        "reshape_activations": "none",
        "metadata": {
            "model_name": sae.model,
            "hook_name": f"blocks.{sae.block}.hook_resid_post",
            "model_from_pretrained_kwargs": {"center_writing_weights": True} if sae.norm == "mean" else {},
            **({"sinks": sae.sinks.model_dump()} if sae.sinks else {}),
        },
    }
    write_arrays(arrays, folder / WEIGHTS)
    part = (folder / CONFIG).with_suffix(".part")
    part.write_text(json.dumps(cfg, indent=2) + "\n", encoding="utf-8")
    part.replace(folder / CONFIG)


def has_sae(folder: Path) -> bool:
    """Whether a folder holds the files of an autoencoder, whole or not."""
    return all(file_problem(folder / name) is None for name in (CONFIG, WEIGHTS))
