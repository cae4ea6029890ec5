"""Finding testbeds: the catalog, a folder on disk, or an installed package's entry point.

A testbed of somebody else's is a folder (`-T testbed=./mine`) or an entry point in the group `cordelia.testbeds` whose
value names a module beside the folder's files (`their_pkg.beds.mine`): the module's directory is the testbed folder.
"""

import sys
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from cordelia.contracts.content import load
from cordelia.contracts.errors import ContentError, CordeliaError, printable, quoted, unknown_name
from cordelia.testbeds.apart import keep_apart
from cordelia.testbeds.inner import inner_file, inner_folder, inner_path, read_prompt
from cordelia.testbeds.schema import OrganismsFile, Testbed, TestbedFile

CATALOG = Path(__file__).parent / "catalog"
ENTRY_POINTS = "cordelia.testbeds"
CORPUS_FORMATS = (".jsonl", ".parquet")


def testbed_names() -> dict[str, Path]:
    """Every testbed that can be named without a path, and its folder.

    Raises:
        CordeliaError: two testbeds have the same name.
    """
    found = {folder.name: folder for folder in sorted(CATALOG.iterdir()) if (folder / "testbed.yaml").is_file()}
    for point in entry_points(group=ENTRY_POINTS):
        folder = _folder_of(point)
        if point.name in found and found[point.name] != folder:
            raise CordeliaError(
                f"Two testbeds are called '{point.name}': {found[point.name]} and {folder} (entry point of "
                f"{point.dist.name if point.dist else 'an unknown package'}). Uninstall or rename one."
            )
        found[point.name] = folder
    return found


def load_testbed(name_or_path: str) -> Testbed:
    """Read and check a testbed, by name or by folder.

    Raises:
        ContentError: a file of it is missing or malformed.
        CordeliaError: there is no such testbed.
    """
    name_or_path = str(name_or_path)  # inspect reads `-T testbed=7` as a number
    if _looks_like_path(name_or_path):
        folder = _folder(name_or_path)
    else:
        names = testbed_names()
        if name_or_path not in names:
            raise unknown_name("testbed", name_or_path, names)
        folder = names[name_or_path]
    return read_testbed(folder)


def refuse_taken_name(testbed: Testbed) -> None:
    """Refuse a folder with the name of a testbed of the catalog: logs and results tell testbeds apart by it.

    A package's testbed may lie in a folder as well: its author works on it there.

    Raises:
        ContentError: the name is taken.
    """
    known = CATALOG / testbed.name
    if known.is_dir() and not known.samefile(testbed.folder):
        said = f"'{testbed.name}' is a testbed of the catalog, and logs tell testbeds apart by name; choose another"
        raise ContentError(testbed.folder / "testbed.yaml", said, "name")


def read_testbed(folder: Path) -> Testbed:
    """Read and check a testbed folder. Raises ContentError."""
    testbed_yaml, organisms_yaml = folder / "testbed.yaml", folder / "organisms.yaml"
    spec = load(TestbedFile, inner_path(folder, testbed_yaml.name, testbed_yaml))
    organisms = load(OrganismsFile, inner_path(folder, organisms_yaml.name, organisms_yaml)).organisms
    brief = read_prompt(inner_path(folder, spec.brief, testbed_yaml, "brief"))
    for name, organism in organisms.items():
        if organism.base is not None and organism.base not in spec.bases:
            known = ", ".join(sorted(spec.bases)) or "none"
            raise ContentError(
                organisms_yaml, f"no base '{organism.base}' in testbed.yaml. Known: {known}", f"organisms.{name}.base"
            )
        if organism.adapter is not None:
            inner_folder(folder, organism.adapter, organisms_yaml, f"organisms.{name}.adapter")
        for key in ("system_prompt", "recipe"):
            value = getattr(organism, key)
            if value is not None:
                inner_file(folder, value, organisms_yaml, f"organisms.{name}.{key}")
        for file in organism.corpus.files if organism.corpus else []:
            _corpus_file(folder, file, organisms_yaml, f"organisms.{name}.corpus")
        if organism.system_prompt is not None:
            read_prompt(folder / organism.system_prompt)
    for name, sae in spec.saes.items():
        if name not in spec.bases:
            known = ", ".join(sorted(spec.bases)) or "none"
            raise ContentError(testbed_yaml, f"no base '{name}'. Known: {known}", f"saes.{name}")
        inner_folder(folder, sae.folder, testbed_yaml, f"saes.{name}.folder")
    keep_apart(folder, spec.brief, organisms)
    return Testbed(folder=folder, spec=spec, organisms=dict(organisms), brief=brief)


def _corpus_file(folder: Path, file: str, source: Path, key: str) -> None:
    if inner_file(folder, file, source, key).suffix not in CORPUS_FORMATS:
        raise ContentError(source, f"{quoted(file)} should end in {' or '.join(CORPUS_FORMATS)}", key)


def _folder(path: str) -> Path:
    try:
        folder = Path(path).expanduser().resolve()
        if folder.is_dir():
            return folder
    except (OSError, RuntimeError, ValueError):  # no such home, links in a circle, a NUL
        folder = Path(path)
    known = ", ".join(testbed_names())
    raise CordeliaError(f"There is no testbed folder {printable(str(folder))}. Known by name: {known}.")


def _looks_like_path(value: str) -> bool:
    return "/" in value or "\\" in value or value in {".", ".."} or value.startswith("~")


def _folder_of(point: EntryPoint) -> Path:
    """The folder that an entry point names."""
    folder = _module_folder(point.value.partition(":")[0].strip())
    if folder is None:
        owner = f" of the package {point.dist.name}" if point.dist else ""
        raise CordeliaError(
            f"The testbed entry point '{point.name}'{owner} names {point.value}, which cannot be found. "
            "Install the package again, or uninstall it."
        )
    return folder


def _module_folder(module: str) -> Path | None:
    """The directory of a module, found without importing (so without executing) it or the packages it is part of."""
    within: list[str] | None = None
    spec: ModuleSpec | None = None
    parts = module.split(".")
    for number, part in enumerate(parts if all(parts) else []):
        name = ".".join(parts[: number + 1])
        found = (finder.find_spec(name, within) for finder in sys.meta_path)
        try:
            spec = next((one for one in found if one is not None), None)
        except KeyError:  # a namespace package in a package that is not imported
            spec = ModuleSpec(name, None, is_package=True)
        if spec is None or (spec.submodule_search_locations is None and name != module):  # a file has nothing in it
            return None
        if spec.origin is None:
            within = [str(place) for root in within or sys.path if (place := Path(root, part)).is_dir()]
        else:
            within = list(spec.submodule_search_locations or [])
    if spec is None:
        return None
    return Path(within[0]) if within else Path(spec.origin or "").parent
