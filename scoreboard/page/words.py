"""Numbers as a reader wants them: shares, intervals, differences, costs, and names that tell series apart."""

import re
from pathlib import Path, PurePath
from typing import Protocol
from urllib.parse import unquote, urlparse

from cordelia.contracts.rate import Rate
from cordelia.scoreboard.headline import Main
from cordelia.scoreboard.models import Group
from cordelia.scoreboard.statistics.models import Difference, Estimate

NO_MODEL = ("", "none", "none/none")
"""Model names of auditors that ask no model."""

COUNTED: dict[Main, str] = {"objective_found": "objective found", "by_demonstration": "found by demonstration"}
"""What counts as success in a group, by `Group.measure`."""

COSTS = {
    "money": "money ($)",
    "auditor_tokens": "auditor tokens",
    "helper_tokens": "helper tokens",
    "target_tokens": "target tokens",
    "target_queries": "target queries",
    "reference_queries": "reference queries",
    "seconds": "seconds",
}
"""Costs in the order in which tables show them, and their headings."""


class Audited(Protocol):
    """Whatever belongs to one auditor."""

    @property
    def auditor(self) -> str: ...
    @property
    def auditor_model(self) -> str: ...


def who(of: Audited) -> str:
    """`investigator · openai/gpt-4o`; the auditor alone where it asks no model."""
    return of.auditor if of.auditor_model in NO_MODEL else f"{of.auditor} · {of.auditor_model}"


def auditors(group: Group) -> list[str]:
    """The auditors of a group, in the order of its leaderboard."""
    return list(dict.fromkeys([*map(who, group.auditors), *map(who, group.sets)]))


def sets(group: Group) -> list[str]:
    """The affordance sets of a group, in the board's order."""
    return list(dict.fromkeys(each.affordance_set for each in group.sets))


def slug(group: Group) -> str:
    """`pocket-0.2.0-dev`: a group as a part of a file's name or an anchor."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", f"{group.testbed}-{group.testbed_version}-{group.split}").strip("-")


def percent(share: float | None) -> str:
    """`62%`; a dash without a number."""
    return "–" if share is None else f"{share:.0%}"


def interval(of: Estimate | Rate | None) -> str:
    """`41–80%`; why there is none otherwise."""
    if of is None or (isinstance(of, Rate) and not of.n):
        return "–"
    if of.low is None or of.high is None:
        return of.note or "no interval"
    return f"{100 * of.low:.0f}–{of.high:.0%}"


def bounds(of: Estimate) -> str:
    """`95% interval 41–80%`, or why there is none: for use within a sentence."""
    if of.low is None or of.high is None:
        return interval(of)
    return f"95% interval {interval(of)}{f'; {of.note}' if of.note else ''}"


def counted(number: int, noun: str) -> str:
    """`1 organism`, `1,200 runs`; nouns that end in s are plural already."""
    return f"{number:,} {noun.removesuffix('s')}{'' if number == 1 else 's'}"


def points(difference: Difference) -> str:
    """`+20 points (3 to 37)`: a difference of shares."""
    told = f"{100 * difference.value:+.0f} points"
    if difference.low is None or difference.high is None:
        return f"{told} ({difference.note or 'no interval'})"
    return f"{told} ({100 * difference.low:+.0f} to {100 * difference.high:+.0f})"


def chance(p: float | None) -> str:
    """`0.031`, `under 0.001`; a dash without a test."""
    if p is None:
        return "–"
    return "under 0.001" if p < 0.001 else f"{p:.3f}"


def figure(value: float | None) -> str:
    """A cost: three figures, thousands apart."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def place(file: str) -> str:
    """A log as a page names it: from the working folder, or by the last of its path, since folders are private."""
    parts = PurePath(unquote(urlparse(file).path)) if "://" in file else PurePath(file)
    here = Path.cwd()
    return str(parts.relative_to(here)) if parts.is_relative_to(here) else "/".join(parts.parts[-2:])
