"""What a benchmark found: samples of one quantity on one or two sides, their ratio, the goal, as JSON and Markdown."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal


@dataclass(frozen=True)
class Spread:
    """The middle of several samples and how far they lie apart, in the samples' unit."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Spread":
        """Raises ValueError when there are no samples."""
        if not samples:
            raise ValueError("no samples to summarise")
        return cls(median(samples), min(samples), max(samples))

    def __str__(self) -> str:
        return f"{_figure(self.median)} ({_figure(self.low)}–{_figure(self.high)})"


@dataclass(frozen=True)
class Goal:
    """A bound on the median of the ratio, or of Cordelia's own samples."""

    on: Literal["ratio", "ours"]
    sign: Literal["≥", "≤"]
    bound: float

    def met(self, value: float) -> bool:
        return value >= self.bound if self.sign == "≥" else value <= self.bound

    def __str__(self) -> str:
        return f"{'ratio' if self.on == 'ratio' else 'median'} {self.sign} {self.bound:g}"


@dataclass(frozen=True)
class Line:
    """One quantity, measured on Cordelia's side and, unless `theirs` is empty, on what it is compared with.

    Attributes:
        what: the quantity.
        unit: of both sides.
        ours: one sample a repeat.
        theirs: one sample a repeat, taken beside ours; the ratio is taken repeat by repeat.
        goal: what the project wants; None where it names none.
    """

    what: str
    unit: str
    ours: list[float]
    theirs: list[float] = field(default_factory=list)
    goal: Goal | None = None

    @property
    def ratio(self) -> Spread | None:
        """Ours over theirs; None without another side."""
        if not self.theirs:
            return None
        return Spread.of([mine / other for mine, other in zip(self.ours, self.theirs, strict=True)])

    @property
    def met(self) -> bool | None:
        if self.goal is None:
            return None
        judged = self.ratio if self.goal.on == "ratio" else Spread.of(self.ours)
        return None if judged is None else self.goal.met(judged.median)

    def as_json(self) -> dict[str, object]:
        ratio = self.ratio
        return {
            "what": self.what,
            "unit": self.unit,
            "ours": {"samples": self.ours, **vars(Spread.of(self.ours))},
            "theirs": {"samples": self.theirs, **vars(Spread.of(self.theirs))} if self.theirs else None,
            "ratio": vars(ratio) if ratio else None,
            "goal": str(self.goal) if self.goal else None,
            "met": self.met,
        }


@dataclass(frozen=True)
class Result:
    """The lines of one benchmark, what `theirs` is, and remarks such as what was skipped and why."""

    name: str
    theirs: str
    lines: list[Line]
    notes: list[str] = field(default_factory=list)


def alternate(
    sides: Sequence[Callable[[], Sequence[float]]], repeats: int, *, warm_up: bool = True
) -> list[list[Sequence[float]]]:
    """Run the sides in turn, `repeats` times, the first one last in every second repeat, so that no drift favours one.

    Returns:
        For each side, what it returned, repeat by repeat.
    """
    if warm_up:
        for side in sides:
            side()
    found: list[list[Sequence[float]]] = [[] for _ in sides]
    for repeat in range(repeats):
        order = range(len(sides)) if repeat % 2 == 0 else reversed(range(len(sides)))
        for place in order:
            found[place].append(sides[place]())
    return found


def markdown(result: Result) -> str:
    """The result as a table under a heading, medians with minimum and maximum."""
    table = [
        f"## {result.name}",
        "",
        f"| | unit | Cordelia | {result.theirs} | ratio | goal | met |",
        "|---|---|---|---|---|---|---|",
    ]
    for line in result.lines:
        theirs = str(Spread.of(line.theirs)) if line.theirs else "–"
        met = {None: "–", True: "yes", False: "**no**"}[line.met]
        cells = [line.what, line.unit, str(Spread.of(line.ours)), theirs, str(line.ratio or "–"), str(line.goal or "–")]
        table.append(f"| {' | '.join([*cells, met])} |")
    return "\n".join([*table, *(f"\n{note}" for note in result.notes)])


def write(result: Result, machine: dict[str, object], quick: bool, folder: Path) -> Path:
    """Write `<folder>/<name>.json` and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    data = {
        "name": result.name,
        "quick": quick,
        "compared_with": result.theirs,
        "lines": [line.as_json() for line in result.lines],
        "notes": result.notes,
        "machine": machine,
    }
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _figure(value: float) -> str:
    """Three figures, and none after the point from a hundred on."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
