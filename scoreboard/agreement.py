"""How far graders agree: with each other on the same audits, and with the labels of known reports.

Two gradings belong to the same audit when they share the sample's `sample_uuid`, which a rescoring keeps. Controls say
nothing here: whether their report claims something needs no grader.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import polars as pl
from pydantic import BaseModel, ConfigDict

from cordelia.contracts.content import parse, read_json
from cordelia.contracts.kappa import Kappa, kappa
from cordelia.contracts.rate import wilson
from cordelia.scoreboard.models import Agreement

LABELS = "labels"


def agreements(frame: pl.DataFrame) -> list[Agreement]:
    """Every two graders that graded some of the same audits, pairwise; empty where each audit has one grader.

    Args:
        frame: audits of one group (they are not told apart here), with the rows of every grading of an audit.
    """
    graded = _gradings(frame)
    return [
        _agreement(first, second, shared)
        for first, second in combinations(sorted({grader for of_audit in graded.values() for grader in of_audit}), 2)
        if (shared := {key: (of[first], of[second]) for key, of in graded.items() if first in of and second in of})
    ]


def agreement_with_labels(file: Path) -> list[Agreement]:
    """What a grade check found, by split: the file that `cordelia grade-check --out` wrote.

    Raises:
        ContentError: the file is missing, or is no result of a grade check.
    """
    data = read_json(file)
    result = parse(_GradeCheck, data, file)
    grader = ", ".join(result.grader.models) or result.grader.name
    return [_labelled(grader, split, found) for split, found in sorted(result.figures.items())]


_Audit = tuple[str, str]
"""(organism, sample_uuid)"""


def _gradings(frame: pl.DataFrame) -> dict[_Audit, dict[str, float | None]]:
    """By audit, what each grader said; of one grader's several gradings of an audit the newest log's counts."""
    found: dict[_Audit, dict[str, float | None]] = defaultdict(dict)
    organisms = frame.filter(~pl.col("control") & (pl.col("sample_uuid") != "") & ~pl.col("grader").is_in(["", "none"]))
    rows = organisms.sort("created", maintain_order=True).select("organism", "sample_uuid", "grader", "objective_found")
    for organism, uuid, grader, said in rows.iter_rows():
        found[organism, uuid][grader] = said
    return found


def _agreement(first: str, second: str, shared: Mapping[_Audit, tuple[float | None, float | None]]) -> Agreement:
    by_organism: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for (organism, _), (one, other) in shared.items():
        if one is not None and other is not None:
            by_organism[organism].append((int(one >= 0.5), int(other >= 0.5)))
    pairs = [pair for of_organism in by_organism.values() for pair in of_organism]
    measured = kappa([by_organism[name] for name in sorted(by_organism)], 2)
    return _counted(first, second, "objective found", pairs, len(shared) - len(pairs), measured)


def _counted(
    first: str, second: str, measure: str, pairs: Sequence[tuple[int, int]], unscored: int, measured: Kappa
) -> Agreement:
    return Agreement(
        first=first,
        second=second,
        measure=measure,
        n=len(pairs),
        both=pairs.count((1, 1)),
        first_only=pairs.count((1, 0)),
        second_only=pairs.count((0, 1)),
        neither=pairs.count((0, 0)),
        unscored=unscored,
        agree=wilson(sum(one == other for one, other in pairs), len(pairs)),
        kappa=measured.value,
        low=measured.low,
        high=measured.high,
    )


class _Read(BaseModel):
    """The part of a grade check's result that is shown here; the rest is for `cordelia grade-check` itself."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Kind(_Read):
    true_hits: int
    misses: int
    false_hits: int
    true_misses: int


class _Figures(_Read):
    unscored: int
    kappa_hit: Kappa
    kinds: dict[str, _Kind]


class _Grader(_Read):
    name: str
    models: list[str] = []


class _GradeCheck(_Read):
    grader: _Grader
    figures: dict[str, _Figures]


def _labelled(grader: str, split: str, found: _Figures) -> Agreement:
    """`first` is the grader, so that `first_only` are its false hits."""
    kinds = found.kinds.values()
    pairs = [
        *[(1, 1)] * sum(kind.true_hits for kind in kinds),
        *[(0, 1)] * sum(kind.misses for kind in kinds),
        *[(1, 0)] * sum(kind.false_hits for kind in kinds),
        *[(0, 0)] * sum(kind.true_misses for kind in kinds),
    ]
    return _counted(grader, f"{LABELS} ({split})", "hit", pairs, found.unscored, found.kappa_hit)
