"""Finding testbeds: the catalog, a folder on disk, or an installed package's entry point.

A testbed of somebody else's is a folder (`-T testbed=./mine`) or an entry point in the group `cordelia.testbeds` whose
value names a module beside the folder's files (`their_pkg.beds.mine`): the module's directory is the testbed folder.
"""

from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from cordelia.contracts.content import load, read_text
from cordelia.contracts.errors import ContentError, CordeliaError, unknown_name
from cordelia.testbeds.schema import OrganismsFile, Testbed, TestbedFile

CATALOG = Path(__file__).parent / "catalog"
ENTRY_POINTS = "cordelia.testbeds"


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
    if _looks_like_path(name_or_path):
        folder = Path(name_or_path).expanduser().resolve()
        if not folder.is_dir():
            raise CordeliaError(f"There is no testbed folder {folder}. Known by name: {', '.join(testbed_names())}.")
    else:
        names = testbed_names()
        if name_or_path not in names:
            raise unknown_name("testbed", name_or_path, names)
        folder = names[name_or_path]
    return read_testbed(folder)


def read_testbed(folder: Path) -> Testbed:
    """Read and check a testbed folder. Raises ContentError."""
    spec = load(TestbedFile, folder / "testbed.yaml")
    organisms = load(OrganismsFile, folder / "organisms.yaml").organisms
    brief = read_text(_inner(folder, spec.brief, folder / "testbed.yaml", "brief"))
    for name, organism in organisms.items():
        source = folder / "organisms.yaml"
        if organism.base is not None and organism.base not in spec.bases:
            known = ", ".join(sorted(spec.bases)) or "none"
            raise ContentError(
                source, f"no base '{organism.base}' in testbed.yaml. Known: {known}", f"organisms.{name}.base"
            )
        for key in ("adapter", "system_prompt", "recipe", "corpus"):
            value = getattr(organism, key)
            if value is not None and not _inner(folder, value, source, f"organisms.{name}.{key}").exists():
                raise ContentError(source, f"'{value}' does not exist in {folder}", f"organisms.{name}.{key}")
    return Testbed(folder=folder, spec=spec, organisms=dict(organisms), brief=brief)


def _inner(folder: Path, relative: str, source: Path, key: str) -> Path:
    """A path inside the folder; a link that leads out of it is refused."""
    path = folder / relative
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ContentError(source, f"'{relative}' leads out of the testbed folder", key)
    return path


def _looks_like_path(value: str) -> bool:
    return "/" in value or "\\" in value or value in {".", ".."} or value.startswith("~")


def _folder_of(point: EntryPoint) -> Path:
    """The folder an entry point names, found without importing (so without executing) it; its parents are."""
    try:
        spec = find_spec(point.module)
    except ModuleNotFoundError:  # of a parent
        spec = None
    if spec is None:
        raise CordeliaError(f"The testbed entry point '{point.name}' names {point.module}, which cannot be found.")
    locations = list(spec.submodule_search_locations or [])
    if locations:
        return Path(locations[0])
    if spec.origin is None:
        raise CordeliaError(f"The testbed entry point '{point.name}' names {point.module}, which is no folder.")
    return Path(spec.origin).parent
