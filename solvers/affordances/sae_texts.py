"""What an auditor is told about the numbers of features, and the order in which it is told."""

from functools import lru_cache
from pathlib import Path

from cordelia.contracts.content import Content, load
from cordelia.solvers.affordances.tokens import bounded
from cordelia.solvers.aside import Aside

CONTENT = Path(__file__).parent / "sae.yaml"


class SaeTexts(Content):
    """sae.yaml: what an auditor is told about the numbers."""

    canary: str
    active: Aside
    nothing: Aside
    alone: Aside
    first: Aside
    sinks: Aside
    feature: Aside
    search: Aside
    steer: Aside


@lru_cache(maxsize=1)
def texts() -> SaeTexts:
    return load(SaeTexts, CONTENT)


def noted(head: str, note: str, *parts: str) -> str:
    """An answer: what it is, how to read it, and then the parts, which alone are cut where they are too long."""
    return "\n\n".join(each for each in (head, note, bounded(parts)) if each)
