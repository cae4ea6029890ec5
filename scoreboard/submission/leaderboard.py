"""Many submissions, one table for each testbed, version and split; what does not compare is refused, saying why.

The first submission that is taken sets the terms of its testbeds: version, truth, organisms, grader, threshold, base.
What a testbed really holds is in no submission but in the testbed, so whoever keeps a leaderboard states their own,
checked submission as the reference; terms that nobody stated come with a warning.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import median

import polars as pl

from cordelia.contracts.content import Content
from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.columns import COSTS, MONEY
from cordelia.scoreboard.compare import auditor_call
from cordelia.scoreboard.measures import MEASURES, missing_in
from cordelia.scoreboard.sets import estimate
from cordelia.scoreboard.statistics.models import Estimate
from cordelia.scoreboard.submission.folder import Submission, read_submission
from cordelia.scoreboard.submission.public import WITHHELD_ARGS
from cordelia.scoreboard.submission.refusals import facts_of, refusals
from cordelia.scoreboard.submission.schema import OrganismFacts
from cordelia.scoreboard.terms import WAY, Terms, apart, terms_of
from cordelia.scoreboard.ways import told_apart

OF = "_submission"
"""Column that says which of a table's submissions an audit is of."""


class Entry(Content):
    """One way of auditing, as one submission measured it.

    Attributes:
        auditor: with the arguments that were given, and what else tells it from others of its name.
        found, hit_at_1: over organisms with an objective; false_positive: over controls. Missing counts as 0.
        found_at_most, false_positive_at_most: with what is missing counted as found, as false alarm; None when none is.
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
    """All entries of one testbed, version and split, the best first, and the terms that they share."""

    testbed: str
    testbed_version: str
    split: str
    organisms: int
    controls: int
    grader: str
    threshold: str
    truth_sha256: str
    base: str
    entries: list[Entry]


class Refused(Content):
    """A folder that was not taken."""

    folder: str
    reasons: list[str]


class Leaderboard(Content):
    """Everything that was taken, everything that was refused, and what a reader must know.

    Attributes:
        reference: the folder that the keeper vouches for; empty where none was stated.
    """

    tables: list[Table]
    refused: list[Refused]
    reference: str = ""
    notes: list[str] = []


class _Terms(Content):
    """What the first submission said of a testbed."""

    version: str
    organisms: dict[str, OrganismFacts]
    terms: Terms
    folder: Path


def leaderboard(folders: Sequence[Path], reference: Path | None = None) -> Leaderboard:
    """The leaderboard of these submissions; a folder that is refused leaves the others alone.

    Args:
        folders: submissions; each counts once.
        reference: the one that the keeper vouches for. It comes first, and so sets the terms.

    Raises:
        CordeliaError: the reference itself is refused.
    """
    stated = [] if reference is None else [reference]
    known = {each.resolve() for each in stated}
    taken: list[Submission] = []
    refused: list[Refused] = []
    terms: dict[str, _Terms] = {}
    for folder in [*stated, *(each for each in folders if each.resolve() not in known)]:
        submission, reasons = _read(folder, terms, taken)
        if submission is None:
            if folder is reference:
                raise CordeliaError(f"The reference is refused: {'; '.join(reasons)}")
            refused.append(Refused(folder=str(folder), reasons=reasons))
            continue
        taken.append(submission)
        for testbed in sorted(set(submission.audits["testbed"])):
            terms.setdefault(testbed, _terms(submission, testbed))
    return Leaderboard(
        tables=_tables(taken),
        refused=refused,
        reference=reference.name if reference else "",
        notes=[_unstated(testbed, each) for testbed, each in terms.items() if not stated or each.folder != stated[0]],
    )


def _read(
    folder: Path, terms: Mapping[str, "_Terms"], taken: Sequence[Submission]
) -> tuple[Submission | None, list[str]]:
    """A submission that can be taken, else why it cannot."""
    try:
        submission = read_submission(folder)
    except CordeliaError as error:
        return None, [str(error)]
    reasons = refusals(submission) or _incomparable(submission, terms, taken)
    return (None, reasons) if reasons else (submission, [])


def _unstated(testbed: str, terms: "_Terms") -> str:
    controls = sum(each.control for each in terms.organisms.values())
    return (
        f"Nobody vouches that {testbed} {terms.version} has no more than the {len(terms.organisms) - controls} "
        f"organisms and {controls} controls that {terms.folder.name} says it has, nor for its truth: state a "
        "submission that you have checked as the reference (--reference)."
    )


def _terms(submission: Submission, testbed: str) -> _Terms:
    rows = submission.audits.filter(pl.col("testbed") == testbed)
    version = str(rows["testbed_version"][0])
    facts = facts_of(submission, testbed, version)
    return _Terms(
        version=version,
        organisms=facts.organisms if facts else {},
        terms=terms_of(rows),
        folder=submission.folder,
    )


def _incomparable(submission: Submission, terms: Mapping[str, _Terms], taken: Sequence[Submission]) -> list[str]:
    """Why a submission does not compare with those that were taken; empty when it does."""
    found = []
    for testbed in sorted(set(submission.audits["testbed"])):
        rows = submission.audits.filter(pl.col("testbed") == testbed)
        versions = sorted(set(rows["testbed_version"]))
        if len(versions) > 1:
            found.append(f"two versions of {testbed}, {' and '.join(versions)}: hand in one")
        elif testbed in terms:
            found += _against(testbed, _terms(submission, testbed), terms[testbed])
    ours = set(submission.audits["sample_uuid"]) - {""}
    for other in taken:
        if same := len(ours & set(other.audits["sample_uuid"])):
            found.append(f"{same} of its audits are those of {other.folder.name}")
    return found


def _against(testbed: str, its: _Terms, board: _Terms) -> list[str]:
    set_by = f"this leaderboard is of ({board.folder.name})"
    if its.version != board.version:
        return [f"another testbed version: {testbed} {its.version}; {set_by} {board.version}"]
    found = [
        f"another {name} of {testbed}: {one}; {set_by} {other}"
        for name, (one, other) in apart(its.terms, board.terms).items()
    ]
    if its.organisms != board.organisms:
        found.append(f"other organisms of {testbed} {its.version} than {board.folder.name} says it has")
    return found


def _tables(taken: Sequence[Submission]) -> list[Table]:
    found: dict[tuple[str, str, str], list[tuple[Submission, pl.DataFrame]]] = {}
    for submission in taken:
        for key, rows in submission.audits.partition_by("testbed", "testbed_version", "split", as_dict=True).items():
            found.setdefault((str(key[0]), str(key[1]), str(key[2])), []).append((submission, rows))
    return [_table(key, parts) for key, parts in sorted(found.items())]


def _table(key: tuple[str, str, str], parts: Sequence[tuple[Submission, pl.DataFrame]]) -> Table:
    first = parts[0][1]
    terms = terms_of(first)
    named = _named([rows for _, rows in parts])
    entries = [
        _entry(submission, way)
        for (submission, _), rows in zip(parts, named, strict=True)
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
        entries=sorted(entries, key=lambda entry: (-(entry.found.value if entry.found else -1.0), entry.auditor)),
    )


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
                pl.lit("").alias("content_sha256"),  # they differ with every version, and names would be full of them
                pl.lit(number).alias(OF),
            )
        )
    apart = told_apart(pl.concat(marked))
    return [apart.filter(pl.col(OF) == number) for number in range(len(parts))]


def _telling_arguments(parts: Sequence[pl.DataFrame]) -> dict[str, set[str]]:
    """By auditor, the arguments that somebody gave, or in which the entries of a table differ: no default of all."""
    texts: dict[str, set[str]] = {}
    found: dict[str, set[str]] = {}
    for rows in parts:
        for name, arguments, given in rows.select("auditor", "auditor_args", "auditor_given").unique().iter_rows():
            texts.setdefault(name, set()).add(arguments)
            found.setdefault(name, {WITHHELD_ARGS}).update(given or [])
    for name, each in texts.items():
        maps = [json.loads(text) for text in each]
        keys = {key for arguments in maps for key in arguments}
        found[name] |= {key for key in keys if len({json.dumps(arguments.get(key)) for arguments in maps}) > 1}
    return found


def _call(auditor: str, arguments: str, shown: Collection[str]) -> str:
    kept = {key: value for key, value in json.loads(arguments).items() if key in shown}
    return auditor_call(auditor, json.dumps(kept, ensure_ascii=False))


def _entry(submission: Submission, rows: pl.DataFrame) -> Entry:
    missing, controls_missing = (missing_in(rows, MEASURES[name]) for name in ("objective_found", "false_positive"))
    costs = {name: [float(cost) for cost in rows[name].drop_nulls()] for name in (*COSTS, MONEY)}
    signed = submission.manifest.signed
    return Entry(
        auditor=rows["auditor"][0],
        auditor_model=rows["auditor_model"][0] or "",
        affordance_set=rows["affordance_set"][0],
        tools=rows["tools"][0].to_list() if rows["tools"][0] is not None else [],
        budget=rows["budget"][0] or "",
        found=estimate(rows, "objective_found"),
        found_at_most=estimate(rows, "objective_found", missing=1.0) if missing else None,
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
