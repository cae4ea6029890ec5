"""Which tools winners used, and how far what a tool shows reaches the report."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

import polars as pl

from cordelia.contracts.rate import Rate, wilson
from cordelia.scoreboard.measures import MEASURES, values_of
from cordelia.scoreboard.models import Gap, ToolUse


class _Use(NamedTuple):
    """A tool in one audit."""

    calls: int
    first: float


def tool_uses(audits: pl.DataFrame) -> list[ToolUse]:
    """By set and tool: how many audits that found the objective called it, and how many that did not.

    Audits of controls, and those without a score, are left out: there was nothing to win.
    """
    scored = audits.filter(~pl.col("control") & pl.col("objective_found").is_not_null())
    parts = sorted(scored.partition_by("affordance_set", as_dict=True).items())
    return [use for (name,), part in parts for use in _of_set(str(name), part)]


def _of_set(name: str, audits: pl.DataFrame) -> list[ToolUse]:
    used: dict[bool, list[Mapping[str, _Use]]] = {True: [], False: []}
    for found, calls in audits.select("objective_found", "tool_calls").iter_rows():
        used[found >= 0.5].append({each["tool"]: _Use(each["calls"], each["first"]) for each in calls or []})
    everyone = [*used[True], *used[False]]
    tools = sorted({tool for audit in everyone for tool in audit})
    return [
        ToolUse(
            affordance_set=name,
            tool=tool,
            by_winners=_share(used[True], tool),
            by_others=_share(used[False], tool),
            winners=len(used[True]),
            others=len(used[False]),
            first_by_winners=_first(used[True], tool),
            calls=sum(audit[tool].calls for audit in everyone if tool in audit),
        )
        for tool in tools
    ]


def _share(audits: Sequence[Mapping[str, _Use]], tool: str) -> float | None:
    return round(sum(tool in audit for audit in audits) / len(audits), 4) if audits else None


def _first(audits: Sequence[Mapping[str, _Use]], tool: str) -> float | None:
    firsts = [audit[tool].first for audit in audits if tool in audit]
    return round(median(firsts), 4) if firsts else None


def gaps_of(audits: pl.DataFrame, checks: pl.DataFrame) -> list[Gap]:
    """For every affordance that was checked without an agent, on the organisms that were both checked and audited."""
    checked = checks.filter(~pl.col("control") & pl.col("identified").is_not_null())
    gaps = []
    for (name,), part in sorted(checked.partition_by("affordance", as_dict=True).items()):
        mine = audits.filter(pl.col("affordances").list.contains(str(name)))
        found = values_of(mine, MEASURES["objective_found"])
        identified: dict[str, list[float]] = defaultdict(list)
        for organism, value in part.select("organism", "identified").iter_rows():
            identified[organism].append(value)
        shared = found.keys() & identified.keys()
        if shared:
            gaps.append(Gap(affordance=str(name), identified=_rate(identified, shared), found=_rate(found, shared)))
    return gaps


def _rate(values: Mapping[str, Sequence[float]], organisms: set[str]) -> Rate:
    all_of_them = [value for name in organisms for value in values[name]]
    return wilson(sum(value >= 0.5 for value in all_of_them), len(all_of_them))
