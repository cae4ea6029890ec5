"""A new testbed folder, copied from testbeds/template, which is itself a testbed that runs.

The copy is made beside its place and then renamed into it: whoever looks sees all of it or nothing.
"""

import shutil
import tempfile
from pathlib import Path

from cordelia.contracts.content import read_text
from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.find import testbed_names
from cordelia.testbeds.schema import NAME

TEMPLATE = Path(__file__).parent / "template"
NAME_IN_TEMPLATE = "my-testbed"
FOLDER_IN_TEMPLATE = "FOLDER"
"""Stands in the template's README for the new folder's own name."""


def new_testbed(folder: Path, name: str | None = None) -> Path:
    """Write a testbed that runs at once.

    Args:
        folder: where; it must not exist, or be empty.
        name: the testbed's name; the folder's own by default.

    Returns:
        The folder, absolute.

    Raises:
        CordeliaError: the folder has files in it or cannot be written, or the name is no name or is taken.
    """
    place = folder.expanduser().absolute()
    chosen = _checked_name(name or place.name, "" if name else " Give another with --name.")
    _check_place(place)
    try:
        draft = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    except OSError as error:
        raise CordeliaError(f"{place} cannot be written: {error.strerror}.") from error
    try:
        _write(draft, chosen, place.name)
        draft.rename(place)
    except OSError as error:
        raise CordeliaError(f"{place} cannot be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return place


def _checked_name(name: str, hint: str) -> str:
    if not NAME.fullmatch(name):
        raise CordeliaError(
            f"'{name}' is not a name for a testbed: lower-case letters, digits, '-' and '_', at most 64.{hint}"
        )
    if name in testbed_names():
        raise CordeliaError(f"There is a testbed '{name}' already, and logs tell testbeds apart by name.{hint}")
    return name


def _check_place(place: Path) -> None:
    if not place.parent.is_dir():
        raise CordeliaError(f"There is no folder {place.parent} to put it in.")
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise CordeliaError(f"{place} is no folder; give the path of a new one.")
    if place.is_dir() and any(place.iterdir()):
        raise CordeliaError(f"{place} has files in it; give the path of a new or empty folder.")
    if place == Path.cwd():
        raise CordeliaError(f"{place} is where you are; give the path of a new folder, such as ./my-testbed.")


def _write(draft: Path, name: str, folder_name: str) -> None:
    for source in sorted(TEMPLATE.rglob("*")):
        if source.is_file():
            target = draft / source.relative_to(TEMPLATE)
            target.parent.mkdir(exist_ok=True)
            text = read_text(source).replace(NAME_IN_TEMPLATE, name).replace(FOLDER_IN_TEMPLATE, folder_name)
            target.write_text(text, encoding="utf-8")
    draft.chmod(0o755)  # mkdtemp makes it private
