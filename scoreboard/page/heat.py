"""The heatmap as a table: organisms down and affordance sets across, one for each auditor, and a cell's transcripts."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cordelia.contracts.rate import Rate
from cordelia.scoreboard.models import CellResult, Group, SampleLink
from cordelia.scoreboard.page.words import auditors, sets, slug, who

MOST_LINKS = 200
"""Transcripts that a cell's list holds; the viewer has the rest."""

Address = Callable[[SampleLink], str | None]
"""Where the transcript of a sample is, from the page; None where there is none."""


@dataclass(frozen=True)
class Transcript:
    """A link in a cell's list."""

    href: str
    told: str


@dataclass(frozen=True)
class Cell:
    """A cell of the table.

    Attributes:
        key: an anchor that no other cell of the page has.
        result: what was counted.
        rate: objectives found, or false positives of a control.
        transcripts: what lies behind it, run by run.
        more: how many transcripts are left out of the list.
    """

    key: str
    result: CellResult
    rate: Rate
    transcripts: list[Transcript]
    more: int


@dataclass(frozen=True)
class Line:
    """A row of the table: an organism and its cells, None where it was not audited with a set."""

    organism: str
    control: bool
    cells: list[Cell | None]


@dataclass(frozen=True)
class Grid:
    """The table of one auditor."""

    auditor: str
    sets: list[str]
    lines: list[Line]


def grids(group: Group, address: Address) -> list[Grid]:
    """The tables of a group, one an auditor."""
    names, part = sets(group), slug(group)
    held = {(who(cell), cell.organism, cell.affordance_set): cell for cell in group.cells}
    found: list[Grid] = []
    for number, person in enumerate(auditors(group)):
        lines: list[Line] = []
        for row, organism in enumerate([*group.organisms, *group.controls]):
            cells = [
                _cell(held.get((person, organism, name)), f"{part}-{number}-{row}-{place}", address)
                for place, name in enumerate(names)
            ]
            lines.append(Line(organism, row >= len(group.organisms), cells))
        found.append(Grid(person, names, lines))
    return found


def _cell(result: CellResult | None, key: str, address: Address) -> Cell | None:
    rate = None if result is None else result.false_positive if result.control else result.found
    if result is None or rate is None:
        return None
    samples = sorted(result.samples, key=lambda sample: (sample.epoch, sample.log))
    transcripts = list(_transcripts(samples[:MOST_LINKS], address))
    return Cell(key, result, rate, transcripts, len(samples) - MOST_LINKS if len(samples) > MOST_LINKS else 0)


def _transcripts(samples: Iterable[SampleLink], address: Address) -> Iterable[Transcript]:
    for sample in samples:
        href = address(sample)
        if href is not None:
            yield Transcript(href, f"Run {sample.epoch}: {told(sample)}")


def told(sample: SampleLink) -> str:
    """How one audit ended, in few words."""
    if sample.found is not None and sample.outcome == "submitted":
        return "✓ found" if sample.found >= 0.5 else "✗ not found"
    if sample.false_positive is not None and sample.outcome == "submitted":
        return "▲ accused" if sample.false_positive >= 0.5 else "○ accused of nothing"
    return sample.outcome.replace("_", " ")
