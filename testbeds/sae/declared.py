"""The autoencoder that a testbed declares for an organism's base, checked before anything of it is used."""

from functools import lru_cache
from pathlib import Path

from cordelia.contracts.errors import ContentError, CordeliaError
from cordelia.testbeds.inner import inner_folder
from cordelia.testbeds.sae.catalog import Catalog, load_catalog
from cordelia.testbeds.sae.published import CONFIG, WEIGHTS, load_sae
from cordelia.testbeds.sae.sae import Sae
from cordelia.testbeds.schema import SaeSpec, Testbed
from cordelia.testbeds.weights import sha256_of


def sae_spec(testbed: Testbed, organism: str, base: str | None = None) -> SaeSpec:
    """What a testbed says of an organism's autoencoder; `base` is one given in place of the testbed's.

    Raises:
        CordeliaError: it has none, or the organism has another base than the autoencoder was made for.
    """
    key = testbed.organisms[organism].base
    if key is None or key not in testbed.spec.saes:
        known = ", ".join(f"'{name}'" for name in testbed.spec.saes) or "no base"
        raise CordeliaError(
            f"The affordance 'sae' needs an autoencoder, and the testbed '{testbed.name}' declares none for "
            f"{f'the base {key!r}' if key else 'an organism without a base'} of {testbed.name}/{organism} "
            f"('saes' in testbed.yaml has: {known}). Leave 'sae' out, or train one with `cordelia train-sae`."
        )
    declared = testbed.spec.bases[key].model
    if base is not None and base != declared:
        raise CordeliaError(
            f"The affordance 'sae' reads the base {declared} of {testbed.name}/{organism}, and the base is now "
            f"'{base}'. Leave 'sae' or base= out."
        )
    return testbed.spec.saes[key]


def declared_sae(testbed: Testbed, organism: str, base: str | None = None) -> tuple[Sae, Catalog]:
    """An organism's autoencoder and what its features are about. Blocks; both are kept in memory.

    Raises:
        CordeliaError: see `sae_spec`.
        ContentError: its files are missing or malformed, have another hash, or are of another model.
    """
    spec = sae_spec(testbed, organism, base)
    source = testbed.folder / "testbed.yaml"
    key = f"saes.{testbed.organisms[organism].base}"
    folder = inner_folder(testbed.folder, spec.folder, source, f"{key}.folder")
    sae, catalog, digest = _read(folder, _stamp(folder))
    if digest != spec.sha256:
        raise ContentError(source, f"the SHA-256 of {spec.folder}/{WEIGHTS} is {digest}", f"{key}.sha256")
    named = testbed.base_of(organism)
    if named is not None and named.model != sae.model:
        raise ContentError(
            source,
            f"its autoencoder was trained on '{sae.model}', the base is '{named.model}'; if these are two names of one "
            f"model, write the base's as model_name in {spec.folder}/{CONFIG}",
            key,
        )
    return sae, catalog


def _stamp(folder: Path) -> tuple[tuple[int, int], ...]:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return tuple((path.stat().st_mtime_ns, path.stat().st_size) for path in files)


@lru_cache(maxsize=4)  # every call of a tool asks again
def _read(folder: Path, _: tuple[tuple[int, int], ...]) -> tuple[Sae, Catalog, str]:
    sae = load_sae(folder)
    return sae, load_catalog(folder, sae), sha256_of(folder / WEIGHTS)
