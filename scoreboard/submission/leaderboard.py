"""Many submissions, one table for each testbed, version and split; what does not compare is refused, saying why.

The first submission that is taken sets the terms of its testbeds: version, truth, organisms, grader, threshold, base.
So whoever keeps a leaderboard gives their own, checked submission first.
"""

from collections.abc import Sequence
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
from cordelia.scoreboard.submission.refusals import facts_of, refusals
from cordelia.scoreboard.submission.schema import OrganismFacts
from cordelia.scoreboard.terms import WAY, Terms, apart, terms_of


class Entry(Content):
    """One way of auditing, as one submission measured it.

    Attributes:
        auditor: with its arguments.
        found, hit_at_1: over organisms with an objective; false_positive: over controls. Missing counts as 0.
        found_at_most: with what is missing counted as found; None when nothing is.
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
    """Everything that was taken, and everything that was refused."""

    tables: list[Table]
    refused: list[Refused]


class _Terms(Content):
    """What the first submission said of a testbed."""

    version: str
    organisms: dict[str, OrganismFacts]
    terms: Terms
    folder: str


def leaderboard(folders: Sequence[Path]) -> Leaderboard:
    """The leaderboard of these submissions; a folder that is refused leaves the others alone."""
    taken: list[Submission] = []
    refused: list[Refused] = []
    terms: dict[str, _Terms] = {}
    for folder in folders:
        try:
            submission = read_submission(folder)
        except CordeliaError as error:
            refused.append(Refused(folder=str(folder), reasons=[str(error)]))
            continue
        if reasons := refusals(submission) or _incomparable(submission, terms, taken):
            refused.append(Refused(folder=str(folder), reasons=reasons))
            continue
        taken.append(submission)
        for testbed in sorted(set(submission.audits["testbed"])):
            terms.setdefault(testbed, _terms(submission, testbed))
    return Leaderboard(tables=_tables(taken), refused=refused)


def _terms(submission: Submission, testbed: str) -> _Terms:
    rows = submission.audits.filter(pl.col("testbed") == testbed)
    version = str(rows["testbed_version"][0])
    facts = facts_of(submission, testbed, version)
    return _Terms(
        version=version,
        organisms=facts.organisms if facts else {},
        terms=terms_of(rows),
        folder=submission.folder.name,
    )


def _incomparable(submission: Submission, terms: dict[str, _Terms], taken: Sequence[Submission]) -> list[str]:
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
    set_by = f"this leaderboard is of ({board.folder})"
    if its.version != board.version:
        return [f"another testbed version: {testbed} {its.version}; {set_by} {board.version}"]
    found = [
        f"another {name} of {testbed}: {one}; {set_by} {other}"
        for name, (one, other) in apart(its.terms, board.terms).items()
    ]
    if its.organisms != board.organisms:
        found.append(f"other organisms of {testbed} {its.version} than {board.folder} says it has")
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
    entries = [_entry(submission, way) for submission, rows in parts for way in rows.partition_by(WAY)]
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


def _entry(submission: Submission, rows: pl.DataFrame) -> Entry:
    missing = missing_in(rows, MEASURES["objective_found"])
    costs = {name: [float(cost) for cost in rows[name].drop_nulls()] for name in (*COSTS, MONEY)}
    signed = submission.manifest.signed
    return Entry(
        auditor=auditor_call(rows["auditor"][0], rows["auditor_args"][0]),
        auditor_model=rows["auditor_model"][0] or "",
        affordance_set=rows["affordance_set"][0],
        tools=rows["tools"][0].to_list() if rows["tools"][0] is not None else [],
        budget=rows["budget"][0] or "",
        found=estimate(rows, "objective_found"),
        found_at_most=estimate(rows, "objective_found", missing=1.0) if missing else None,
        hit_at_1=estimate(rows, "hit@1"),
        false_positive=estimate(rows, "false_positive"),
        runs=rows.height,
        missing=missing + missing_in(rows, MEASURES["false_positive"]),
        costs={name: round(median(values), 4) for name, values in costs.items() if values},
        who=signed.name,
        contact=signed.contact,
        date=submission.manifest.date,
        folder=submission.folder.name,
    )
