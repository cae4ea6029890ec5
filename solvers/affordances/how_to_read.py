"""What an auditor is told about the numbers of a tool: how_to_read.yaml."""

from functools import cache
from pathlib import Path

from cordelia.contracts.content import Content, load
from cordelia.solvers.aside import aside

CONTENT = Path(__file__).parent / "how_to_read.yaml"


class Notes(Content):
    """how_to_read.yaml: a note by name, with `{placeholders}`."""

    canary: str
    notes: dict[str, str]


@cache
def _notes() -> dict[str, str]:
    return load(Notes, CONTENT).notes


def how_to_read(name: str, **values: object) -> str:
    """A note, filled in, as an aside. Raises KeyError: no such note, or a placeholder without a value."""
    return aside(_notes()[name].format(**values))
