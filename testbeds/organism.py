"""From a name to what a backend must load, with every promise checked: hash, base, rank, file format."""

import json
from dataclasses import replace
from pathlib import Path

from cordelia.contracts.content import read_text
from cordelia.contracts.errors import ContentError, CordeliaError, unknown_name
from cordelia.testbeds.backends.base import ServedOrganism
from cordelia.testbeds.schema import BaseSpec, Testbed
from cordelia.testbeds.weights import sha256_of

ADAPTER_WEIGHTS = "adapter_model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"


def serve(testbed: Testbed, organism: str, base: str | None = None) -> ServedOrganism:
    """What a backend must load to be this organism.

    Args:
        testbed: the testbed it belongs to.
        organism: its name there.
        base: the base to use instead of the testbed's; required for an organism that names none.

    Raises:
        CordeliaError: there is no such organism, or it needs a base and none was given.
        ContentError: its adapter has another hash than declared, is of another base, or is not a LoRA in safetensors.
    """
    if organism not in testbed.organisms:
        raise unknown_name("organism", organism, testbed.organisms, f"testbed '{testbed.name}'")
    spec = testbed.organisms[organism]
    declared = testbed.base_of(organism)
    if spec.adapter and base and declared and base != declared.model:
        raise CordeliaError(
            f"{testbed.name}/{organism} is an adapter on {declared.model} and cannot have the base '{base}'."
        )
    used = BaseSpec(model=base) if base and not spec.adapter else declared
    adapter = testbed.folder / spec.adapter if spec.adapter else None
    if adapter is not None and used is not None and spec.sha256 is not None:
        check_adapter(adapter, used, spec.sha256)
    siblings = tuple(
        testbed.folder / other.adapter
        for other in testbed.organisms.values()
        if other.adapter and other.base == spec.base
    )
    prompt = read_text(testbed.folder / spec.system_prompt).strip() if spec.system_prompt else None
    return ServedOrganism(
        label=f"{testbed.name}/{organism}", base=used, adapter=adapter, system_prompt=prompt, adapters=siblings
    )


def reference_of(organism: ServedOrganism) -> ServedOrganism:
    """The organism's base model alone: no adapter and no hidden prompt."""
    return replace(organism, label=f"{organism.label} (base)", adapter=None, system_prompt=None)


def check_adapter(folder: Path, base: BaseSpec, sha256: str) -> None:
    """Refuse an adapter that is not what organisms.yaml says. Raises ContentError."""
    weights, config = folder / ADAPTER_WEIGHTS, folder / ADAPTER_CONFIG
    if not weights.is_file():
        raise ContentError(weights, "this file is missing; adapters are read from safetensors only")
    try:
        settings = json.loads(read_text(config))
    except json.JSONDecodeError as error:
        raise ContentError(config, f"not JSON: {error}") from error
    if not isinstance(settings, dict) or settings.get("peft_type") != "LORA":
        raise ContentError(config, "only LoRA adapters can be served", "peft_type")
    if settings.get("base_model_name_or_path") != base.model:
        raise ContentError(
            config,
            f"the adapter was trained on '{settings.get('base_model_name_or_path')}', the organism's base is "
            f"'{base.model}'",
            "base_model_name_or_path",
        )
    found = sha256_of(weights)
    if found != sha256:
        raise ContentError(weights, f"its SHA-256 is {found}, organisms.yaml says {sha256}")
