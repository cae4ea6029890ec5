"""What auditors and targets are shown is no file that is kept from them: the blind wall within a testbed's folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from cordelia.contracts.errors import ContentError, quoted
from cordelia.testbeds.schema import OrganismSpec

SEALED = ("truth.yaml", "certificate.json", "organisms.yaml", "testbed.yaml", "README.md")
"""Files that say what organisms are. A brief opens every audit, and a hidden prompt or a corpus can be elicited."""
BRIEFS = (".md", ".txt")


class Identities:
    """Files by what they are on disk: a link, hard or symbolic, is the file that it is another name of."""

    def __init__(self) -> None:
        self._held: dict[tuple[int, int], str] = {}

    def hold(self, path: Path, name: str) -> None:
        """Remember a file under a name, if it is there. The first name stands."""
        if (identity := _identity(path)) is not None:
            self._held.setdefault(identity, name)

    def of(self, path: Path) -> str | None:
        """The name of a file that is held; None for another one, and for one that is not there."""
        identity = _identity(path)
        return None if identity is None else self._held.get(identity)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def sealed_files(folder: Path) -> Identities:
    """The sealed files of a testbed's folder."""
    sealed = Identities()
    for name in SEALED:
        sealed.hold(folder / name, name)
    return sealed


def keep_apart(folder: Path, brief: str, organisms: Mapping[str, OrganismSpec]) -> None:
    """Refuse what would show an auditor or a target a file that is kept from them.

    A hidden prompt or corpus is no sealed file and no recipe; a brief is neither of those, nor a hidden prompt or
    corpus, and a text by its name. Links, hard ones too, are the file that they are another name of.

    Raises:
        ContentError: names the file, the key and the file that it must not be.
    """
    sealed, kept = sealed_files(folder), Identities()
    for name, organism in organisms.items():
        if organism.recipe is not None:
            sealed.hold(folder / organism.recipe, f"organisms.{name}.recipe")
    for name, organism in organisms.items():
        for key, file in _shown(organism):
            place, path = f"organisms.{name}.{key}", folder / file
            if (held := sealed.of(path)) is not None:
                raise ContentError(folder / "organisms.yaml", f"{quoted(file)} is {held}; {_OWN}", place)
            kept.hold(path, place)
    path = folder / brief
    held = sealed.of(path) or kept.of(path)
    if held is not None:
        said = f"{quoted(brief)} is {held}, and auditors are shown the brief; {_OWN}"
        raise ContentError(folder / "testbed.yaml", said, "brief")
    if not {path.suffix, path.resolve().suffix} <= set(BRIEFS):
        said = f"{quoted(brief)} should end in {' or '.join(BRIEFS)}: auditors are shown the brief, which is a text"
        raise ContentError(folder / "testbed.yaml", said, "brief")


_OWN = "give it a file of its own"


def _shown(organism: OrganismSpec) -> Iterator[tuple[str, str]]:
    """An organism's files by their key, where what is in them can be elicited or searched."""
    if organism.system_prompt is not None:
        yield "system_prompt", organism.system_prompt
    for file in organism.corpus.files if organism.corpus else []:
        yield "corpus", file
