"""coverage: how often do the scoreboard's 95 % intervals hold the truth?

Audits are simulated with known rates, 1,000 times for each line: organisms differ as a beta distribution says, or are
found nearly always or nearly never, and runs of an organism are coins. Most lines go straight to the functions that
find intervals; the last go the whole way, from a frame of audits through the board. Wilson's coverage is computed, not
simulated.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import click
import numpy as np

from benchmarks.machine import ROOT
from benchmarks.results import Goal, Line, Result
from benchmarks.simulated import CONFIDENCES, SECOND_HITS, Numbers, Sweep, Unlocks, World, rates, sweep_frame, unlocked
from cordelia.contracts.rate import wilson
from cordelia.contracts.resampling import resampled_counts
from cordelia.scoreboard.board import board
from cordelia.scoreboard.columns import empty_tool_checks
from cordelia.scoreboard.models import Group, SetResult
from cordelia.scoreboard.reading import Reading
from cordelia.scoreboard.statistics import Estimate
from cordelia.scoreboard.statistics.intervals import difference_intervals, dispersion_of, share_intervals

TABLE = ROOT / "docs/results/coverage.json"
DRAWS, QUICK_DRAWS = 1_000, 50
ORGANISMS, RUNS = (6, 12, 20), (3, 10, 30)
MEANS, RARE = (0.3, 0.5, 0.7), (0.1,)
SPREADS = (1.0, 4.0)
MISSING = 0.1
GRADES = 5
SEED, BOARD_SEED = 20_261_124, 20_261_122
"""Drawn when the method stood; it was chosen on other draws. The board's are those of earlier tables."""
WORLDS = [World(mean, spread) for mean in MEANS for spread in SPREADS]
RARE_WORLDS = [World(mean, spread) for mean in RARE for spread in SPREADS]
CHANGED = [
    *(World(0.3, spread, new, 0.5) for spread in SPREADS for new in (0.3, 0.7)),
    *(World(0.1, spread, 0.5, 1.0) for spread in SPREADS),
    *(World(0.5, spread, 0.5, 0.1) for spread in SPREADS),
]
ALL_OR_NOTHING = [Unlocks(0.0, easy) for easy in (0.1, 0.2, 1 / 3, 0.5)]
UNLOCKED = [Unlocks(share) for share in (0.2, 0.3, 0.5)]
UNLOCKED_RUNS = ((10, 10), (2, 10), (3, 3))
HELD = (0.93, 0.97)
BETWEEN, AT_LEAST, FREE = "93–97 %", "at least 93 %", ""
"""What a line is held to: where organisms are all or nothing and few, an interval may be wider than need be."""
_CLOSE = 1e-9


@dataclass(frozen=True)
class Held:
    """How often intervals of one estimator held the truth, over several worlds.

    Attributes:
        organisms: of a data set; None where it has no such number. runs: of each, `2 and 10` where sets differ.
        mean, least, most: share of draws, over worlds. width: the mean interval's.
        goal: what `mean` is held to; empty where it is to nothing.
    """

    estimator: str
    worlds: str
    organisms: int | None
    runs: str
    mean: float
    least: float
    most: float
    width: float
    goal: str = BETWEEN

    @property
    def is_held(self) -> bool:
        return self.goal == FREE or HELD[0] <= self.mean <= (HELD[1] if self.goal == BETWEEN else 1)


Ends = tuple[Numbers, Numbers]
Shape = tuple[int, int]
Found = tuple[Ends, float]


def run(quick: bool) -> Result:
    """All lines; a full run writes the table that docs/statistics.md shows."""
    draws = QUICK_DRAWS if quick else DRAWS
    table = [*by_organism(draws), *cells(), *end_to_end(draws)]
    if not quick:
        _write(table)
    held = [line for line in table if line.goal]
    inside = [float(line.is_held) for line in held]
    lines = [
        Line(
            "lines of the table that hold their goal", "share", [sum(inside) / len(inside)], goal=Goal("ours", "≥", 1)
        ),
        Line("the least that a line covers", "share", [min(line.mean for line in held)], goal=Goal("ours", "≥", 0.93)),
    ]
    outside = [line for line in held if not line.is_held]
    notes = [f"{line.estimator}, {line.organisms} × {line.runs}: {line.mean:.1%}" for line in outside]
    return Result("coverage", "nothing", lines, notes)


@click.command()
@click.option("--only", default="", help="Measure lines alone whose name holds this: 'paired'.")
@click.option("--draws", default=DRAWS, show_default=True)
def main(only: str, draws: int) -> None:
    """Lines of `by_organism` alone, printed and not written: each has draws of its own, so they are the table's."""
    for line in by_organism(draws, only):
        click.echo(
            f"{line.estimator} {line.organisms} × {line.runs}: {line.mean:.1%} ({line.least:.1%}–{line.most:.1%})"
        )


@dataclass(frozen=True)
class Simulated:
    """An estimator over some worlds: `measured` gives its intervals of all draws and the truth, world by world."""

    name: str
    worlds: str
    measured: Callable[[Shape, int, np.random.Generator], list[Found]]
    goal: str = BETWEEN


def _simulated() -> list[Simulated]:
    return [
        Simulated("mean over organisms", "30–70 %", lambda *of: [_mean(w, *of) for w in WORLDS]),
        Simulated("mean over organisms, rare", "10 %", lambda *of: [_mean(w, *of) for w in RARE_WORLDS], AT_LEAST),
        Simulated(
            "mean over organisms, all or nothing",
            "3 or 97 %",
            lambda *of: [_mean(w, *of) for w in ALL_OR_NOTHING],
            AT_LEAST,
        ),
        Simulated(
            "plain percentile bootstrap, for comparison",
            "30–70 %",
            lambda *of: [_percentile(w, *of) for w in WORLDS],
            FREE,
        ),
        Simulated(
            "mean, 10 % missing",
            "30–70 %",
            lambda shape, runs, chance: [_mean(w, shape, runs, chance, MISSING) for w in WORLDS],
        ),
        Simulated("bounds for what is missing", "30–70 %", lambda *of: [_bounds(w, *of) for w in WORLDS], FREE),
        Simulated("mean of shares (behaviours, precision)", "30–70 %", lambda *of: [_graded(w, *of) for w in WORLDS]),
        Simulated("paired difference", "0–40 points", lambda *of: [_difference(w, *of) for w in CHANGED]),
    ]


def by_organism(draws: int, only: str = "") -> Iterator[Held]:
    """What is over organisms, by how many there are and how many runs each has."""
    for place, each in enumerate(_simulated()):
        for organisms in ORGANISMS if only in each.name else ():
            for runs in RUNS:
                chance = np.random.default_rng([SEED, place, organisms, runs])
                found = each.measured((draws, organisms), runs, chance)
                yield _held(each.name, each.worlds, organisms, str(runs), found, each.goal)
    for organisms in ORGANISMS if only in UNLOCKING else ():
        for both in UNLOCKED_RUNS:
            chance = np.random.default_rng([SEED, organisms, *both])
            found = [_unlocking(world, (draws, organisms), both, chance) for world in UNLOCKED]
            told = str(both[0]) if both[0] == both[1] else f"{both[0]} and {both[1]}"
            yield _held(UNLOCKING, "3 or 97 %", organisms, told, found, AT_LEAST)


UNLOCKING = "paired difference, 20–50 % of the hard ones unlocked"


def _write(table: Sequence[Held]) -> None:
    TABLE.write_text(json.dumps([asdict(line) for line in table], indent=1) + "\n", encoding="utf-8")


def _held(estimator: str, worlds: str, organisms: int, runs: str, found: Sequence[Found], goal: str = BETWEEN) -> Held:
    shares = [float(np.mean((low <= truth + _CLOSE) & (truth - _CLOSE <= high))) for (low, high), truth in found]
    width = float(np.mean([np.mean(high - low) for (low, high), _ in found]))
    return _line(estimator, worlds, organisms, runs, shares, width, goal)


def _line(
    estimator: str,
    worlds: str,
    organisms: int | None,
    runs: str,
    shares: Sequence[float],
    width: float,
    goal: str = BETWEEN,
) -> Held:
    mean = round(float(np.mean(shares)), 4)
    return Held(
        estimator, worlds, organisms, runs, mean, round(min(shares), 4), round(max(shares), 4), round(width, 3), goal
    )


def _mean(world: World | Unlocks, shape: Shape, runs: int, chance: np.random.Generator, missing: float = 0.0) -> Found:
    first, _ = _rates(world, shape, chance)
    found = chance.binomial(runs, first * (1 - missing)) / runs
    return share_intervals(found, shape[1] * runs), world.mean * (1 - missing)


def _rates(world: World | Unlocks, shape: Shape, chance: np.random.Generator) -> tuple[Numbers, Numbers]:
    return unlocked(world, shape, chance) if isinstance(world, Unlocks) else rates(world, shape, chance)


def _bounds(world: World, shape: Shape, runs: int, chance: np.random.Generator) -> Found:
    """From the low end with missing as not found to the high end with missing as found: holds the complete rate."""
    first, _ = rates(world, shape, chance)
    scored = chance.binomial(runs, 1 - MISSING, size=shape)
    found = chance.binomial(scored, first)
    low, _ = share_intervals(found / runs, shape[1] * runs)
    _, high = share_intervals((found + runs - scored) / runs, shape[1] * runs)
    return (low, high), world.mean


def _graded(world: World, shape: Shape, runs: int, chance: np.random.Generator) -> Found:
    first, _ = rates(world, shape, chance)
    grades = chance.binomial(GRADES, first[:, :, None], size=(*shape, runs)) / GRADES
    dispersion = np.array([dispersion_of(draw.tolist()) for draw in grades])
    return share_intervals(grades.mean(axis=2), shape[1] * runs, dispersion), world.mean


def _difference(world: World, shape: Shape, runs: int, chance: np.random.Generator) -> Found:
    first, second = (chance.binomial(runs, each) / runs for each in rates(world, shape, chance))
    return difference_intervals(first, second, (runs, runs)), world.difference


def _unlocking(world: Unlocks, shape: Shape, runs: tuple[int, int], chance: np.random.Generator) -> Found:
    both = zip(runs, unlocked(world, shape, chance), strict=True)
    first, second = (chance.binomial(count, each) / count for count, each in both)
    return difference_intervals(first, second, runs), world.difference


def _percentile(world: World, shape: Shape, runs: int, chance: np.random.Generator) -> Found:
    first, _ = rates(world, shape, chance)
    found = chance.binomial(runs, first) / runs
    low, high = np.percentile(found @ resampled_counts(shape[1]).T / shape[1], [2.5, 97.5], axis=1)
    return (low, high), world.mean


def cells() -> Iterator[Held]:
    """Wilson's interval: exactly, at 99 rates; it swings with the rate, so that the mean over rates is what counts."""
    from scipy.stats import binom

    for runs in (3, 10, 30, 100):
        ends = np.array([(found.low, found.high) for found in (wilson(shown, runs) for shown in range(runs + 1))])
        truths = np.arange(0.01, 1, 0.01)
        inside = (ends[:, :1] <= truths) & (truths <= ends[:, 1:])
        chances = binom.pmf(np.arange(runs + 1)[:, None], runs, truths)
        shares = (inside * chances).sum(axis=0)
        width = float((chances * (ends[:, 1:] - ends[:, :1])).sum(axis=0).mean())
        yield _line("a cell (Wilson)", "1–99 %", None, str(runs), shares.tolist(), width)


SWEEP = Sweep(
    World(0.4, 1.0, 0.6, 0.5), World(0.3, 4.0), draws=DRAWS, organisms=8, controls=6, runs=10, missing=MISSING
)


def end_to_end(draws: int) -> Iterator[Held]:
    """From frames of audits through the board: a thousand testbeds of eight organisms, six controls and two sets."""
    sweep = Sweep(**{**vars(SWEEP), "draws": draws})
    frame = sweep_frame(sweep, seed=BOARD_SEED)
    groups = board(Reading(frame, empty_tool_checks())).groups
    kept, world = 1 - MISSING, sweep.world
    brier = [(1 - said) ** 2 * share + said**2 * (1 - share) for said, share in zip(
        CONFIDENCES, ((world.mean + world.mean + world.difference) / 2, SECOND_HITS), strict=True
    )]  # fmt: skip
    chats = [_of_set(group, "chat") for group in groups]
    told: list[tuple[str, list[Estimate | None], float, int]] = [
        ("board: found", [each.found for each in chats], world.mean * kept, 8),
        ("board: behaviours found", [each.behaviours_found for each in chats], world.mean * kept, 8),
        ("board: precision", [each.precision for each in chats], (world.mean + SECOND_HITS) / 2, 8),
        ("board: false positives", [each.false_positive for each in chats], sweep.alarms.mean * kept, 6),
        ("board: Brier", [group.calibration[0].calibration.brier for group in groups], sum(brier) / len(brier), 8),
        ("board: found by an auditor", [group.auditors[0].found for group in groups],
         (world.mean + world.difference / 2) * kept, 8),
    ]  # fmt: skip
    for name, estimates, truth, organisms in told:
        ends = [(each.low, each.high) for each in estimates if each is not None]
        yield _from_ends(name, ends, truth, organisms, sweep.runs)
    differences = [group.differences[0].difference for group in groups]
    ends = [(each.low, each.high) for each in differences]
    yield _from_ends("board: difference of two sets", ends, world.difference * kept, 8, sweep.runs)


def _of_set(group: Group, name: str) -> SetResult:
    return next(each for each in group.sets if each.affordance_set == name)


def _from_ends(
    name: str, ends: Sequence[tuple[float | None, float | None]], truth: float, organisms: int, runs: int
) -> Held:
    known = np.array([(low, high) for low, high in ends if low is not None and high is not None])
    slack = 5e-5  # estimates are rounded to four decimals
    share = float(np.mean((known[:, 0] <= truth + slack) & (truth - slack <= known[:, 1])))
    return _line(name, "one world", organisms, str(runs), [share], float(np.mean(known[:, 1] - known[:, 0])))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.coverage")
