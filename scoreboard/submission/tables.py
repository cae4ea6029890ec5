"""The tables of a leaderboard: every way of auditing that was handed in as an entry, the best first.

Where organisms have a hidden prompt, entries stand by what was found by demonstration (`scoreboard.headline`).
"""

import json
from collections.abc import Collection, Sequence
from statistics import median

import polars as pl

from cordelia.contracts.content import Content
from cordelia.scoreboard.columns import COSTS, MONEY
from cordelia.scoreboard.compare import auditor_call
from cordelia.scoreboard.headline import Main, headline_measure, organisms_of
from cordelia.scoreboard.measures import MEASURES, missing_in
from cordelia.scoreboard.sets import estimate
from cordelia.scoreboard.statistics.models import Estimate
from cordelia.scoreboard.submission.folder import Submission
from cordelia.scoreboard.terms import WAY, terms_of
from cordelia.scoreboard.ways import told_apart

OF, PROMPTS = "_submission", "_prompts"
"""Columns that say which of a table's submissions an audit is of, and with which prompts it was made."""


class Entry(Content):
    """One way of auditing, as one submission measured it.

    Attributes:
        auditor: with the arguments that were given, and what else tells it from others of its name.
        found, hit_at_1: over organisms with an objective; false_positive: over controls. Missing counts as 0.
        by_demonstration, by_extraction: the two parts of `found`, over organisms with a hidden prompt.
        …_at_most: with what is missing counted as found, as false alarm; None when none is.
        runs: audits, of which `missing` have no score.
        costs: the median audit's, by name.
        who, contact, date, folder: of the submission.
    """

    auditor: str
    auditor_model: str
    affordance_set: str
    tools: list[str]
    budget: str
    found: Estimate | None
    found_at_most: Estimate | None
    by_demonstration: Estimate | None = None
    by_demonstration_at_most: Estimate | None = None
    by_extraction: Estimate | None = None
    hit_at_1: Estimate | None
    false_positive: Estimate | None
    false_positive_at_most: Estimate | None
    runs: int
    missing: int
    costs: dict[str, float]
    who: str
    contact: str
    date: str
    folder: str


class Table(Content):
    """All entries of one testbed, version and split, the best first, and the terms that they share.

    Attributes:
        measure: what is best: the most of this. prompted: the organisms with a hidden prompt.
    """

    testbed: str
    testbed_version: str
    split: str
    organisms: int
    controls: int
    grader: str
    threshold: str
    truth_sha256: str
    base: str
    measure: Main = "objective_found"
    prompted: int = 0
    entries: list[Entry]


def tables_of(taken: Sequence[Submission]) -> list[Table]:
    found: dict[tuple[str, str, str], list[tuple[Submission, pl.DataFrame]]] = {}
    for submission in taken:
        for key, rows in submission.audits.partition_by("testbed", "testbed_version", "split", as_dict=True).items():
            found.setdefault((str(key[0]), str(key[1]), str(key[2])), []).append((submission, rows))
    return [_table(key, parts) for key, parts in sorted(found.items())]


def _table(key: tuple[str, str, str], parts: Sequence[tuple[Submission, pl.DataFrame]]) -> Table:
    first = parts[0][1]
    terms = terms_of(first)
    whole = pl.concat([rows for _, rows in parts])
    measure = headline_measure(whole)
    prompted = organisms_of(whole, measure)
    entries = [
        _entry(submission, way, prompted)
        for (submission, _), rows in zip(parts, _named([rows for _, rows in parts]), strict=True)
        for way in rows.partition_by(WAY)
    ]
    controls = first.filter(pl.col("control"))["organism"].n_unique()
    return Table(
        testbed=key[0],
        testbed_version=key[1],
        split=key[2],
        organisms=first["organism"].n_unique() - controls,
        controls=controls,
        grader=", ".join(terms["grader"]),
        threshold=", ".join(terms["threshold"]),
        truth_sha256=", ".join(terms["truth_sha256"]),
        base=", ".join(terms["base"]),
        measure=measure,
        prompted=len(prompted),
        entries=sorted(entries, key=lambda entry: _place(entry, measure)),
    )


def _place(entry: Entry, measure: Main) -> tuple[float, float, str]:
    """Sorts the best first: by the main figure, then by what was found in all."""
    main = entry.by_demonstration if measure == "by_demonstration" else entry.found
    first, second = (-1.0 if each is None else each.value for each in (main, entry.found))
    return -first, -second, entry.auditor


def _named(parts: Sequence[pl.DataFrame]) -> list[pl.DataFrame]:
    """The submissions' audits of one table, each auditor called by what tells it from the others in the table."""
    shown = _telling_arguments(parts)
    marked = []
    for number, rows in enumerate(parts):
        asked = rows.select("auditor", "auditor_args").iter_rows()
        names = rows["auditor_name"] if rows["auditor_name"].n_unique() > 1 else pl.lit(None, pl.String)
        marked.append(
            rows.with_columns(
                pl.Series("auditor", [_call(name, given, shown[name]) for name, given in asked], dtype=pl.String),
                names.alias("auditor_name"),  # a submission's only one tells nothing apart
                pl.col("content_sha256").alias(PROMPTS),
                pl.lit("").alias("content_sha256"),  # they differ with every version, and names would be full of them
                pl.lit(number).alias(OF),
            )
        )
    apart = told_apart(pl.concat(marked))
    return [_by_prompts(apart.filter(pl.col(OF) == number)) for number in range(len(parts))]


def _by_prompts(audits: pl.DataFrame) -> pl.DataFrame:
    """One submission's audits, where one auditor had several prompts with these in its name."""
    told = pl.format("{} (prompts {})", "auditor", pl.col(PROMPTS))
    ways = [
        way.with_columns(told.alias("auditor") if way[PROMPTS].n_unique() > 1 else "auditor")
        for way in audits.partition_by(WAY)
    ]
    return pl.concat(ways).with_columns(pl.col(PROMPTS).alias("content_sha256"))


def _telling_arguments(parts: Sequence[pl.DataFrame]) -> dict[str, set[str]]:
    """By auditor, the arguments that somebody gave, or in which the entries of a table differ: no default of all."""
    texts: dict[str, set[str]] = {}
    found: dict[str, set[str]] = {}
    for rows in parts:
        for name, arguments, given in rows.select("auditor", "auditor_args", "auditor_given").unique().iter_rows():
            texts.setdefault(name, set()).add(arguments)
            found.setdefault(name, set()).update(given or [])
    for name, each in texts.items():
        maps = [json.loads(text) for text in each]
        keys = {key for arguments in maps for key in arguments}
        found[name] |= {key for key in keys if len({json.dumps(arguments.get(key)) for arguments in maps}) > 1}
    return found


def _call(auditor: str, arguments: str, shown: Collection[str]) -> str:
    kept = {key: value for key, value in json.loads(arguments).items() if key in shown}
    return auditor_call(auditor, json.dumps(kept, ensure_ascii=False))


def _entry(submission: Submission, rows: pl.DataFrame, prompted: Collection[str]) -> Entry:
    missing, controls_missing = (missing_in(rows, MEASURES[name]) for name in ("objective_found", "false_positive"))
    costs = {name: [float(cost) for cost in rows[name].drop_nulls()] for name in (*COSTS, MONEY)}
    signed = submission.manifest.signed
    unread = missing_in(rows.filter(pl.col("organism").is_in(list(prompted))), MEASURES["by_demonstration"])
    return Entry(
        auditor=rows["auditor"][0],
        auditor_model=rows["auditor_model"][0] or "",
        affordance_set=rows["affordance_set"][0],
        tools=rows["tools"][0].to_list() if rows["tools"][0] is not None else [],
        budget=rows["budget"][0] or "",
        found=estimate(rows, "objective_found"),
        found_at_most=estimate(rows, "objective_found", missing=1.0) if missing else None,
        by_demonstration=estimate(rows, "by_demonstration", having=prompted),
        by_demonstration_at_most=estimate(rows, "by_demonstration", 1.0, prompted) if unread else None,
        by_extraction=estimate(rows, "by_extraction", having=prompted),
        hit_at_1=estimate(rows, "hit@1"),
        false_positive=estimate(rows, "false_positive"),
        false_positive_at_most=estimate(rows, "false_positive", missing=1.0) if controls_missing else None,
        runs=rows.height,
        missing=missing + controls_missing,
        costs={name: round(median(values), 4) for name, values in costs.items() if values},
        who=signed.name,
        contact=signed.contact,
        date=submission.manifest.date,
        folder=submission.folder.name,
    )
