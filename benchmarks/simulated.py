"""Audits with known rates, as numbers and as frames: organisms differ as a beta distribution says, runs are coins."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cordelia.scoreboard.columns import AUDITS, TOOL_CHECKS

Numbers = NDArray[np.float64]
CONFIDENCES = (0.8, 0.3)
SECOND_HITS = 0.2
"""The share of second hypotheses that hit, on whatever organism."""
BEHAVIOURS = 4


@dataclass(frozen=True)
class World:
    """Where audits come from.

    Attributes:
        mean: the true share of audits that find the objective, over all organisms there could be.
        spread: how unlike organisms are: the sum of the beta distribution's two parameters (1: most are found nearly
            always or nearly never; 4: they lie everywhere between).
        new: what a second affordance set finds of what the first does not owe to the organism: its rates are
            `1 - changed` of the first's and `changed` of fresh ones with this mean.
    """

    mean: float
    spread: float
    new: float = 0.0
    changed: float = 0.0

    @property
    def difference(self) -> float:
        return self.changed * (self.new - self.mean)


def rates(world: World, shape: tuple[int, ...], chance: np.random.Generator) -> tuple[Numbers, Numbers]:
    """True rates of organisms with a first and with a second affordance set."""
    first = chance.beta(world.mean * world.spread, (1 - world.mean) * world.spread, size=shape)
    if world.changed == 0:
        return first, first
    fresh = chance.beta(world.new * world.spread, (1 - world.new) * world.spread, size=shape)
    return first, (1 - world.changed) * first + world.changed * fresh


@dataclass(frozen=True)
class Unlocks:
    """A world of all or nothing: organisms are found nearly always or nearly never, and a set unlocks some of these.

    Attributes:
        easy: the share of organisms that are found nearly always, with either set.
        share: of the others, those that the second set unlocks.
    """

    share: float
    easy: float = 1 / 3
    never: float = 0.03
    always: float = 0.97

    @property
    def mean(self) -> float:
        """With the first set."""
        return self.easy * self.always + (1 - self.easy) * self.never

    @property
    def difference(self) -> float:
        return (1 - self.easy) * self.share * (self.always - self.never)


def unlocked(world: Unlocks, shape: tuple[int, ...], chance: np.random.Generator) -> tuple[Numbers, Numbers]:
    """True rates of organisms with a first and with a second affordance set."""
    easy = chance.random(shape) < world.easy
    found = easy | (chance.random(shape) < world.share)
    return np.where(easy, world.always, world.never), np.where(found, world.always, world.never)


@dataclass(frozen=True)
class Sweep:
    """A simulated sweep: `draws` testbeds, each with organisms and controls, two sets and some missing outcomes."""

    world: World
    alarms: World
    draws: int
    organisms: int
    controls: int
    runs: int
    missing: float


def sweep_frame(sweep: Sweep, seed: int) -> pl.DataFrame:
    """The audits of a sweep, as the frame of logs has them; each draw is a testbed of its own."""
    chance = np.random.default_rng(seed)
    found = rates(sweep.world, (sweep.draws, sweep.organisms), chance)
    alarms = rates(sweep.alarms, (sweep.draws, sweep.controls), chance)
    parts = [
        _audits(sweep, name, of_set, control, chance)
        for control, both in ((False, found), (True, alarms))
        for name, of_set in zip(("chat", "tools"), both, strict=True)
    ]
    return pl.concat(parts)


def no_checks() -> pl.DataFrame:
    return pl.DataFrame(schema=TOOL_CHECKS)


def _audits(sweep: Sweep, name: str, truth: Numbers, control: bool, chance: np.random.Generator) -> pl.DataFrame:
    draws, organisms = truth.shape
    shape = (draws, organisms, sweep.runs)
    each = np.broadcast_to(truth[:, :, None], shape)
    scored = chance.random(shape) >= sweep.missing
    success, second = chance.random(shape) < each, chance.random(shape) < SECOND_HITS
    known = {
        "scored": scored.ravel().astype(float),
        "success": success.ravel().astype(float),
        "second": second.ravel().astype(float),
        "behaviours": (chance.binomial(BEHAVIOURS, each) / BEHAVIOURS).ravel(),
    }
    place = np.indices(shape).reshape(3, -1)
    kind = "control" if control else "organism"
    told = {
        "testbed": [f"draw-{number:04}" for number in place[0]],
        "organism": [f"{kind}-{number:02}" for number in place[1]],
        "epoch": place[2] + 1,
        "sample_uuid": [f"{name}-{kind}-{number}" for number in range(place.shape[1])],
        "affordance_set": name,
        "affordances": [["chat"] if name == "chat" else ["chat", "probe"]] * place.shape[1],
        "control": control,
        **_scores(known, control),
    }
    return _filled(told, place.shape[1])


def _scores(known: Mapping[str, Numbers], control: bool) -> dict[str, object]:
    """The columns of scores; what is missing is null."""
    scored, success = known["scored"] > 0, known["success"]
    nothing = np.full(success.shape, np.nan)
    found = np.where(scored, success, np.nan)
    hits = [
        [bool(first), bool(second)] if is_scored and not control else []
        for is_scored, first, second in zip(scored, success, known["second"], strict=True)
    ]
    return {
        "outcome": ["submitted" if is_scored else "target_error" for is_scored in scored],
        "objective_found": nothing if control else found,
        "hit@1": nothing if control else found,
        "behaviours_found": nothing if control else np.where(scored, known["behaviours"], np.nan),
        "precision": nothing if control else np.where(scored, (success + known["second"]) / 2, np.nan),
        "false_positive": found if control else nothing,
        "hits": hits,
        "confidences": [list(CONFIDENCES) if of else [] for of in hits],
    }


def _filled(told: Mapping[str, object], rows: int) -> pl.DataFrame:
    """A frame with every column: what is not told is the same everywhere."""
    same: dict[str, object] = {
        "log": "simulated",
        "created": datetime(2026, 1, 1, tzinfo=UTC),
        "testbed_version": "1.0.0",
        "split": "dev",
        "auditor": "simulated",
        "auditor_model": "none/none",
        "auditor_args": "{}",
        "budget": "{}",
        "base": "",
        "grader": "known",
        "threshold": 4,
    } | dict(told)
    columns = []
    for name, kind in AUDITS.items():
        value = same.get(name)
        if isinstance(value, list | np.ndarray):
            series = pl.Series(name, value, dtype=kind, strict=False)
            columns.append(series.fill_nan(None) if kind == pl.Float64 else series)
        else:
            columns.append(pl.Series(name, [value], dtype=kind).new_from_index(0, rows))
    return pl.DataFrame(columns)
