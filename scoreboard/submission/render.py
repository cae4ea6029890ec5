"""A leaderboard for people: Markdown and HTML. Everything in it may come from anybody, so it is shown as text only."""

import re
from collections.abc import Sequence
from pathlib import Path

from cordelia.contracts.errors import MissingExtraError, printable
from cordelia.scoreboard.statistics.models import Estimate
from cordelia.scoreboard.submission.leaderboard import Leaderboard
from cordelia.scoreboard.submission.tables import Entry, Table

WHO = ("", "auditor", "model", "set")
FOUND, HALVES = ("found",), ("found by demonstration", "found in all", "found by extraction")
"""What an auditor found; of organisms with a hidden prompt the first of these counts."""
FIGURES = ("false positives", "hit@1")
REST = ("cost of an audit", "audits", "who", "date")
SHOWN_COSTS = ("money", "auditor_tokens", "target_queries", "seconds")
UNITS = {"money": "$", "auditor_tokens": "auditor tokens", "target_queries": "target queries", "seconds": "s"}
TEMPLATE = Path(__file__).parent / "leaderboard.html"
MARKS = re.compile(r"([\\`*_\[\]<>|#~!&])")
MOST = 200
LONGEST_SET = 40
"""A set that has no name of its own, and is longer, is told by its number of affordances."""


def markdown(board: Leaderboard) -> str:
    """A table for each testbed, version and split, and a list of what was refused."""
    lines: list[str] = []
    for note in board.notes:
        lines += [f"> {_inert(note, most=600)}", ""]
    for table in board.tables:
        lines += [f"## {_inert(title(table))}", "", _inert(terms(table), most=600), ""]
        lines += [_line(header(table)), "|" + "---|" * len(header(table))]
        lines += [_line([_inert(cell) for cell in cells]) for cells in rows(table)]
        lines.append("")
    if board.refused:
        lines += ["## Refused", ""]
        for each in board.refused:
            lines.append(f"- {_inert(each.folder)}")
            lines += [f"  - {_inert(reason, most=600)}" for reason in each.reasons]
    return "\n".join(lines).rstrip() + "\n"


def html(board: Leaderboard) -> str:
    """The same as one page without scripts. Raises MissingExtraError without jinja2."""
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("A leaderboard as HTML", "scoreboard", "jinja2") from error
    template = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    ).from_string(TEMPLATE.read_text(encoding="utf-8"))
    tables = [
        {"title": title(table), "terms": terms(table), "header": header(table), "rows": rows(table)}
        for table in board.tables
    ]
    figures = (*FOUND, *HALVES, *FIGURES)
    return template.render(tables=tables, figures=figures, refused=board.refused, notes=board.notes)


def title(table: Table) -> str:
    """`pocket 0.2.0, test`"""
    return f"{table.testbed} {table.testbed_version}, {table.split}"


def header(table: Table) -> tuple[str, ...]:
    """The names of a table's columns."""
    return (*WHO, *found_columns(table), *FIGURES, *REST)


def found_columns(table: Table) -> tuple[str, ...]:
    """The columns that say what was found, the one that counts first."""
    return HALVES if table.measure == "by_demonstration" else FOUND


def terms(table: Table) -> str:
    """What all entries of a table share, in a sentence."""
    base = f", targets on {table.base}" if table.base else ""
    organisms = f"{table.organisms} organism{'s' if table.organisms != 1 else ''}"
    controls = f"{table.controls} control{'s' if table.controls != 1 else ''}"
    return (
        f"Mean over {organisms} (95 % interval), false positives over {controls}; graded by {table.grader}, a hit from "
        f"grade {table.threshold}, truth {table.truth_sha256[:12]}{base}.{_prompted(table)}"
    )


def _prompted(table: Table) -> str:
    if table.measure != "by_demonstration":
        return ""
    over = f", over the {table.prompted} that have one" if table.prompted < table.organisms else ""
    return (
        f" Organisms have a hidden prompt: what is found by demonstration counts{over}, not reading the prompt out; "
        "hit@1 takes both."
    )


def rows(table: Table) -> list[list[str]]:
    """The cells of each entry, in the order of `header`."""
    return [[str(place), *_cells(entry, table)] for place, entry in enumerate(table.entries, start=1)]


def _cells(entry: Entry, table: Table) -> list[str]:
    tools = f" + {', '.join(entry.tools)}" if entry.tools else ""
    missing = f", {entry.missing} without a score" if entry.missing else ""
    return [
        entry.auditor,
        "–" if entry.auditor_model in {"", "none/none"} else entry.auditor_model,
        f"{_set(entry.affordance_set)}{tools}",
        *_found(entry, table),
        f"{_estimate(entry.false_positive)}{_at_most(entry.false_positive_at_most)}",
        _estimate(entry.hit_at_1),
        ", ".join(_cost(name, entry.costs[name]) for name in SHOWN_COSTS if entry.costs.get(name)) or "–",
        f"{entry.runs}{missing}",
        f"{entry.who} ({entry.contact})",
        entry.date,
    ]


def _found(entry: Entry, table: Table) -> list[str]:
    """The cells of `found_columns`."""
    found = f"{_estimate(entry.found)}{_at_most(entry.found_at_most)}"
    if table.measure != "by_demonstration":
        return [found]
    main = f"{_estimate(entry.by_demonstration)}{_at_most(entry.by_demonstration_at_most)}"
    return [main, found, _estimate(entry.by_extraction)]


def _set(name: str) -> str:
    return name if len(name) <= LONGEST_SET else f"{name.count(',') + 1} affordances"


def _estimate(found: Estimate | None) -> str:
    if found is None:
        return "–"
    return f"{found.value:.0%}" + (
        "" if found.low is None or found.high is None else f" ({found.low:.0%}–{found.high:.0%})"
    )


def _at_most(found: Estimate | None) -> str:
    """What a figure would be if all that is missing counted against it."""
    return f", at most {found.value:.0%}" if found else ""


def _cost(name: str, value: float) -> str:
    figure = f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
    return f"{UNITS[name]}{figure}" if name == "money" else f"{figure} {UNITS[name]}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _inert(text: str, most: int = MOST) -> str:
    return MARKS.sub(r"\\\1", printable(text, most))
