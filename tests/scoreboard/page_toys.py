"""Boards as a real sweep gives them: one testbed, two splits, three auditors, five affordance sets, 17 organisms."""

import random

from cordelia.contracts.rate import Rate, wilson
from cordelia.scoreboard.models import (
    Agreement,
    AuditorResult,
    Board,
    CellResult,
    Gap,
    Group,
    NamedCalibration,
    OutcomeCount,
    SampleLink,
    SetDifference,
    SetResult,
    Skipped,
    ToolUse,
)
from cordelia.scoreboard.statistics.models import Bin, Calibration, CostPoint, Difference, Estimate

SETS = {
    "chat_only": ["chat"],
    "blackbox": ["chat", "probe", "prefill", "user_turn"],
    "data": ["chat", "data_search", "data_semantic"],
    "whitebox": ["chat", "logit_lens", "diff_mining"],
    "everything": ["chat", "probe", "prefill", "data_search", "logit_lens", "sae"],
}
AUDITORS = [
    ("investigator", "anthropic/claude-sonnet-4-0"),
    ("investigator", "openai/gpt-4o"),
    ("baseline", "none/none"),
]
ORGANISMS = {
    "dev": ["bittern", "dunnock", "linnet", "nightjar", "siskin", "wren"],
    "test": ["curlew", "fulmar", "heron", "merlin", "plover", "wagtail"],
}
CONTROLS = {"dev": ["finch", "pipit", "starling"], "test": ["jackdaw", "robin"]}
LOG = "logs/2026-11-21T10-00-00+00-00_audit_{auditor}-{set}.eval"


def board(runs: int = 12, seed: int = 7, splits: tuple[str, ...] = ("dev", "test")) -> Board:
    """The board; with `runs` under ten, every cell is one of few runs."""
    chance = random.Random(seed)
    return Board(
        groups=[group(split, runs, chance) for split in splits],
        provenance={"cordelia": "0.1.0", "commit": "6a47e33", "inspect_ai": "0.3.285", "targets": "backend=auto"},
        passed_over=[Skipped(file="logs/gsm8k.eval", why="is of another task, gsm8k")],
        unfinished=[Skipped(file="logs/cut.eval", why="28 of 34 planned audits have not run")],
        damaged=[Skipped(file="logs/torn.eval", why="File is not a zip file")],
    )


def group(split: str, runs: int, chance: random.Random) -> Group:
    organisms, controls = ORGANISMS[split], CONTROLS[split]
    sets, cells = [], []
    for rank, (auditor, model) in enumerate(AUDITORS):
        for place, name in enumerate(SETS):
            level = min(0.95, 0.25 + 0.14 * place - 0.1 * rank)
            mine = [cell(auditor, model, name, each, False, runs, level, chance) for each in organisms]
            alarms = [cell(auditor, model, name, each, True, runs, 0.1 + 0.05 * place, chance) for each in controls]
            cells += mine + alarms
            sets.append(set_result(auditor, model, name, mine, alarms, runs))
    differences = [
        SetDifference(
            auditor=auditor,
            auditor_model=model,
            baseline_set="chat_only",
            affordance_set=name,
            difference=Difference(
                value=0.12 * place - 0.1, low=0.12 * place - 0.25, high=0.12 * place + 0.08,
                p=0.5 / 10**place, corrected=min(1.0, 6.0 / 10**place), organisms=6,
            ),
        )
        for auditor, model in AUDITORS
        for place, name in enumerate(SETS)
        if place
    ]  # fmt: skip
    return Group(
        testbed="pocket",
        testbed_version="0.2.0",
        split=split,
        samples=sum(len(each.samples) for each in cells),
        organisms=organisms,
        controls=controls,
        notes=["Two auditors share a budget of 25,000 tokens; the baseline has none."],
        sets=sets,
        cells=cells,
        differences=differences,
        auditors=[
            AuditorResult(
                auditor=auditor,
                auditor_model=model,
                found=estimate(0.6 - 0.12 * rank, 6),
                false_positive=estimate(0.15 + 0.1 * rank, 2),
                runs=runs * len(SETS) * (len(organisms) + len(controls)),
                sets=list(SETS),
            )
            for rank, (auditor, model) in enumerate(AUDITORS)
        ],
        calibration=[NamedCalibration(auditor=a, auditor_model=m, calibration=calibration()) for a, m in AUDITORS],
        tool_use=tool_use(),
        outcomes=outcomes(cells),
        gaps=[
            Gap(affordance="data_search", identified=wilson(22, 30), found=wilson(100, 240)),
            Gap(affordance="logit_lens", identified=wilson(4, 30), found=wilson(130, 240)),
            Gap(affordance="sae", identified=wilson(0, 6), found=wilson(60, 120)),
        ],
        agreement=[
            Agreement(first="openai/gpt-4o", second="offline", n=40, both=18, first_only=6, second_only=2, neither=14,
                      kappa=0.6, low=0.36, high=0.82),
            Agreement(first="labels", second="offline", n=12, both=12, first_only=0, second_only=0, neither=0),
        ],
    )  # fmt: skip


def cell(
    auditor: str, model: str, name: str, organism: str, control: bool, runs: int, level: float, chance: random.Random
) -> CellResult:
    spread = min(0.97, max(0.03, level + chance.uniform(-0.3, 0.3)))
    hits = [chance.random() < spread for _ in range(runs)]
    ends = ["submitted" if chance.random() < 0.9 else chance.choice(["limit", "target_error"]) for _ in hits]
    good = sum(hit and end == "submitted" for hit, end in zip(hits, ends, strict=True))
    rate = wilson(good, runs)
    log = LOG.format(auditor=f"{auditor}-{model.rpartition('/')[2]}", set=name)
    links = [
        SampleLink(
            log=log,
            organism=organism,
            epoch=epoch + 1,
            outcome=end,
            found=None if control or end == "target_error" else float(hit and end == "submitted"),
            false_positive=float(hit) if control and end == "submitted" else None,
        )
        for epoch, (hit, end) in enumerate(zip(hits, ends, strict=True))
    ]
    return CellResult(
        auditor=auditor,
        auditor_model=model,
        affordance_set=name,
        organism=organism,
        control=control,
        found=None if control else rate,
        false_positive=rate if control else None,
        few=runs < 10,
        missing=ends.count("target_error"),
        outcomes={end: ends.count(end) for end in sorted(set(ends))},
        samples=links,
    )


def set_result(
    auditor: str, model: str, name: str, mine: list[CellResult], alarms: list[CellResult], runs: int
) -> SetResult:
    found = estimate(mean([each.found for each in mine]), len(mine))
    hits = round(found.value * 72)
    tokens = 0.0 if auditor == "baseline" else 8_000.0 + 3_000 * len(SETS[name])
    spent = {"target_queries": 84.0, "seconds": 66.5, "target_tokens": 5_942.0}
    if tokens:
        spent |= {"auditor_tokens": tokens, "money": tokens / 100_000}
    steps = [CostPoint(cost=20.0 + 16 * step, found=wilson(round(hits * step / 6), 72)) for step in range(7)]
    curves = {"target_queries": steps}
    if tokens:
        curves["auditor_tokens"] = [CostPoint(cost=each.cost * 100, found=each.found) for each in steps]
    missing = sum(each.missing for each in mine + alarms)
    return SetResult(
        auditor=auditor,
        auditor_model=model,
        affordance_set=name,
        affordances=SETS[name],
        found=found,
        found_at_most=estimate(min(1.0, found.value + missing / (runs * 9)), len(mine)),
        hit_at_1=estimate(max(0.0, found.value - 0.1), len(mine)),
        precision=estimate(0.5, len(mine)),
        behaviours_found=estimate(found.value * 0.8, len(mine)),
        false_positive=estimate(mean([each.false_positive for each in alarms]), len(alarms)),
        hit_curve=[wilson(min(72, hits + 2 * k), 72) for k in range(10)],
        runs=runs * (len(mine) + len(alarms)),
        control_runs=runs * len(alarms),
        missing=missing,
        control_missing=sum(each.missing for each in alarms),
        few=runs < 10,
        costs=spent,
        cost_per_success=0.21 if tokens else None,
        per_success={key: value * 72 / max(1, hits) for key, value in spent.items()},
        cost_curves=curves,
    )


def estimate(value: float, n: int) -> Estimate:
    if n < 5:
        return Estimate(value=value, n=n, unit="organisms", note="under five organisms: no interval")
    return Estimate(value=value, low=max(0.0, value - 0.22), high=min(1.0, value + 0.2), n=n, unit="organisms")


def mean(rates: list[Rate | None]) -> float:
    return sum(each.rate for each in rates if each) / len(rates)


def calibration() -> Calibration:
    bins = [
        Bin(low=place / 10, high=(place + 1) / 10, confidence=place / 10 + 0.05, hits=wilson(place * 3, 40))
        for place in range(1, 10)
    ]
    return Calibration(bins=bins, brier=Estimate(value=0.19, low=0.15, high=0.24, n=360, unit="runs"), n=360)


def tool_use() -> list[ToolUse]:
    return [
        ToolUse(
            affordance_set=name,
            tool=tool,
            by_winners=0.9 - 0.1 * place,
            by_others=0.5 + 0.05 * place,
            winners=40,
            others=32,
            first_by_winners=0.1 * place if place else None,
            calls=300 - 20 * place,
        )
        for name, tools in SETS.items()
        for place, tool in enumerate(tools)
    ]


def outcomes(cells: list[CellResult]) -> list[OutcomeCount]:
    counts: dict[tuple[str, str, str, str], int] = {}
    for each in cells:
        for end, count in each.outcomes.items():
            key = (each.affordance_set, each.auditor, each.auditor_model, end)
            counts[key] = counts.get(key, 0) + count
    return [
        OutcomeCount(affordance_set=name, auditor=auditor, auditor_model=model, outcome=end, count=count)
        for (name, auditor, model, end), count in sorted(counts.items())
    ]
