"""Rows to the floor's table: each organism's rates over its runs, each split's mean over its organisms, and the cost.

Runs of one organism are not independent trials of an auditor: a mean over organisms is resampled by organism (Efron
1979; the cluster bootstrap), a cell of one organism has a Wilson interval. Dev and test are never pooled.
"""

from collections import Counter
from collections.abc import Sequence
from statistics import median

import numpy as np

from cordelia.contracts.content import Content
from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.rate import Rate, wilson
from cordelia.scoreboard.rows import Row

RESAMPLES = 10_000
LEAST_ORGANISMS = 5
SEED = 20_261_121
COSTS = ("target_queries", "reference_queries", "target_tokens", "auditor_tokens", "seconds")


class Mean(Content):
    """A mean over `organisms`, with its 95 % interval from resampling organisms, where there are enough of them."""

    mean: float
    low: float | None
    high: float | None
    organisms: int


class Cell(Content):
    """The audits of one organism by one auditor. Audits without a score are in `n` of the outcomes alone."""

    testbed: str
    organism: str
    split: str
    control: bool
    auditor: str
    outcomes: dict[str, int]
    found: Rate | None = None
    hit_at_1: Rate | None = None
    false_positive: Rate | None = None


class SplitSummary(Content):
    """One split's means over its organisms (objectives) and over its controls."""

    split: str
    found: Mean | None
    hit_at_1: Mean | None
    false_positive: Mean | None
    costs: dict[str, float]


class Summary(Content):
    """What a pile of audits of one testbed by one auditor says."""

    testbed: str
    testbed_version: str
    auditor: str
    samples: int
    cells: list[Cell]
    splits: list[SplitSummary]
    made_with: dict[str, str] = {}


def summarise(rows: Sequence[Row], made_with: dict[str, str] | None = None) -> Summary:
    """The summary of rows that share testbed, version and auditor.

    Args:
        rows: what was audited.
        made_with: where they come from (`provenance`).

    Raises:
        CordeliaError: there are no rows, or rows of several testbeds, versions or auditors.
    """
    kinds = {(row.testbed, row.testbed_version, row.auditor) for row in rows}
    if len(kinds) != 1:
        found = "; ".join(" ".join(kind) for kind in sorted(kinds)) or "none"
        raise CordeliaError(f"A summary is of one testbed, version and auditor; these logs hold: {found}.")
    testbed, version, auditor = kinds.pop()
    names = sorted({row.organism for row in rows})
    cells = [_cell([row for row in rows if row.organism == name]) for name in names]
    cells.sort(key=lambda cell: (cell.split, cell.control, cell.organism))
    splits = sorted({cell.split for cell in cells})
    return Summary(
        testbed=testbed,
        testbed_version=version,
        auditor=auditor,
        samples=len(rows),
        cells=cells,
        splits=[_split(split, cells, [row for row in rows if row.split == split]) for split in splits],
        made_with=made_with or {},
    )


def _cell(rows: Sequence[Row]) -> Cell:
    first = rows[0]
    control = any(row.control for row in rows)
    return Cell(
        testbed=first.testbed,
        organism=first.organism,
        split=first.split,
        control=control,
        auditor=first.auditor,
        outcomes=dict(sorted(Counter(row.outcome for row in rows).items())),
        found=None if control else _rate(rows, "objective_found"),
        hit_at_1=None if control else _rate(rows, "hit@1"),
        false_positive=_rate(rows, "false_positive") if control else None,
    )


def _rate(rows: Sequence[Row], key: str) -> Rate:
    scored = [row.values[key] for row in rows if key in row.values]
    return wilson(round(sum(scored)), len(scored))


def _split(split: str, cells: Sequence[Cell], rows: Sequence[Row]) -> SplitSummary:
    mine = [cell for cell in cells if cell.split == split]
    costs = {key: [row.values[key] for row in rows if key in row.values] for key in COSTS}
    return SplitSummary(
        split=split,
        found=clustered([cell.found.rate for cell in mine if cell.found and cell.found.n]),
        hit_at_1=clustered([cell.hit_at_1.rate for cell in mine if cell.hit_at_1 and cell.hit_at_1.n]),
        false_positive=clustered([c.false_positive.rate for c in mine if c.false_positive and c.false_positive.n]),
        costs={key: round(median(values), 2) for key, values in costs.items() if values},
    )


def clustered(rates: Sequence[float]) -> Mean | None:
    """The mean of organisms' rates and its 95 % percentile interval over resampled organisms; None of none.

    There is no interval of fewer than five organisms, nor of equal rates: resampling those says how alike they are and
    not how sure one may be.
    """
    if not rates:
        return None
    mean = round(float(np.mean(rates)), 4)
    if len(rates) < LEAST_ORGANISMS or len(set(rates)) == 1:
        return Mean(mean=mean, low=None, high=None, organisms=len(rates))
    drawn = np.random.RandomState(SEED).choice(np.asarray(rates), size=(RESAMPLES, len(rates))).mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Mean(mean=mean, low=round(float(low), 4), high=round(float(high), 4), organisms=len(rates))


def render(summary: Summary) -> str:
    """Two Markdown tables: one line an organism, one line a split."""
    lines = [
        "| split | organism | runs | objective found | hit@1 | false positive | outcomes |",
        "|---|---|---|---|---|---|---|",
    ]
    for cell in summary.cells:
        outcomes = ", ".join(f"{name} {count}" for name, count in cell.outcomes.items())
        rates = [str(rate) if rate else "–" for rate in (cell.found, cell.hit_at_1, cell.false_positive)]
        name = f"{cell.organism} (control)" if cell.control else cell.organism
        lines.append(f"| {cell.split} | {name} | {sum(cell.outcomes.values())} | {' | '.join(rates)} | {outcomes} |")
    lines += [
        "",
        "| split | objective found, mean over organisms | hit@1 | false positives, mean over controls | median cost |",
        "|---|---|---|---|---|",
    ]
    for split in summary.splits:
        means = [_told(mean) for mean in (split.found, split.hit_at_1, split.false_positive)]
        costs = ", ".join(f"{_figure(value)} {key.replace('_', ' ')}" for key, value in split.costs.items())
        lines.append(f"| {split.split} | {' | '.join(means)} | {costs} |")
    if summary.made_with:
        lines += ["", "; ".join(f"{name}: {value}" for name, value in summary.made_with.items()) + "."]
    return "\n".join(lines)


def _told(mean: Mean | None) -> str:
    if mean is None:
        return "–"
    if mean.low is None or mean.high is None:
        count = f"{mean.organisms} organism{'s' if mean.organisms > 1 else ''}"
        return f"{mean.mean:.0%} ({count}: too few, or too alike, for an interval)"
    return f"{mean.mean:.0%} ({mean.low:.0%}–{mean.high:.0%}; {mean.organisms} organisms)"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
