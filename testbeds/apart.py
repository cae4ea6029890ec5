"""What auditors and targets are shown is no file that is kept from them: the blind wall within a testbed's folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from cordelia.contracts.errors import ContentError, quoted
from cordelia.testbeds.schema import OrganismSpec

SEALED = ("truth.yaml", "certificate.json", "organisms.yaml", "testbed.yaml")
"""Files that say what organisms are. A brief opens every audit, and a hidden prompt or a corpus can be elicited."""


def keep_apart(folder: Path, brief: str, organisms: Mapping[str, OrganismSpec]) -> None:
    """Refuse a brief, hidden prompt or corpus that is a sealed file, and a brief that is some organism's file.

    Links are followed, so another name for the same file is that file.

    Raises:
        ContentError: names the file, the key and the file that it must not be.
    """
    sealed = {(folder / name).resolve(): name for name in SEALED}
    kept: dict[Path, str] = {}
    for name, organism in organisms.items():
        for key, file, shown in _files(organism):
            place = f"organisms.{name}.{key}"
            path = (folder / file).resolve()
            if shown and path in sealed:
                raise ContentError(folder / "organisms.yaml", f"{quoted(file)} is {sealed[path]}; {_OWN}", place)
            kept[path] = place
    path = (folder / brief).resolve()
    held = sealed.get(path) or kept.get(path)
    if held is not None:
        said = f"{quoted(brief)} is {held}, and auditors are shown the brief; {_OWN}"
        raise ContentError(folder / "testbed.yaml", said, "brief")


_OWN = "give it a file of its own"


def _files(organism: OrganismSpec) -> Iterator[tuple[str, str, bool]]:
    """An organism's files by their key, and whether an auditor may come to see what is in them."""
    if organism.system_prompt is not None:
        yield "system_prompt", organism.system_prompt, True
    if organism.recipe is not None:
        yield "recipe", organism.recipe, False
    for file in organism.corpus.files if organism.corpus else []:
        yield "corpus", file, True
