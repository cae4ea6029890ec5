"""From a name to what a backend must load, with every promise checked: hash, base, rank, file format."""

from dataclasses import replace

from cordelia.contracts.errors import CordeliaError, unknown_name
from cordelia.testbeds.adapter import check_adapter
from cordelia.testbeds.backends.base import ServedOrganism
from cordelia.testbeds.inner import read_prompt
from cordelia.testbeds.schema import BaseSpec, Testbed

LARGEST_SCALE = 16.0
LARGEST_NOISE = 64.0


def serve(
    testbed: Testbed,
    organism: str,
    base: str | None = None,
    adapter_scale: float = 1.0,
    adapter_noise: float = 0.0,
    noise_seed: int = 0,
) -> ServedOrganism:
    """What a backend must load to be this organism.

    Args:
        testbed: the testbed it belongs to.
        organism: its name there.
        base: the base to use instead of the testbed's; required for an organism that names none.
        adapter_scale: how much of its adapter is in force.
        adapter_noise, noise_seed: noise on the adapter's matrices; see ServedOrganism.

    Raises:
        CordeliaError: there is no such organism, or it needs a base and none was given.
        ContentError: its adapter, or one that shares its base (a server loads them all), is not what it should be.
    """
    if not abs(adapter_scale) <= LARGEST_SCALE:
        raise CordeliaError(f"adapter_scale must be {-LARGEST_SCALE:g} to {LARGEST_SCALE:g}, not {adapter_scale}.")
    if not 0 <= adapter_noise <= LARGEST_NOISE or noise_seed < 0:
        raise CordeliaError(
            f"adapter_noise must be 0 to {LARGEST_NOISE:g} and noise_seed 0 or more, not {adapter_noise}, {noise_seed}."
        )
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
    siblings = tuple(
        testbed.folder / other.adapter
        for other in testbed.organisms.values()
        if other.adapter and other.base == spec.base
    )
    if declared is not None:
        for folder in siblings:
            check_adapter(testbed.folder, folder, declared, spec.sha256 if folder == adapter else None)
    return ServedOrganism(
        label=f"{testbed.name}/{organism}",
        base=used,
        adapter=adapter,
        system_prompt=hidden_prompt(testbed, organism),
        adapter_scale=adapter_scale,
        adapter_noise=adapter_noise,
        noise_seed=noise_seed,
        adapters=siblings,
    )


def hidden_prompt(testbed: Testbed, organism: str) -> str | None:
    """The hidden system prompt of an organism, or None. Raises ContentError when its file cannot be read."""
    file = testbed.organisms[organism].system_prompt
    return read_prompt(testbed.folder / file).strip() if file else None


def reference_of(organism: ServedOrganism) -> ServedOrganism:
    """The organism's base model alone: no adapter and no hidden prompt."""
    return replace(
        organism,
        label=f"{organism.label} (base)",
        adapter=None,
        adapter_scale=1.0,
        adapter_noise=0.0,
        noise_seed=0,
        system_prompt=None,
    )
