"""Many submissions, one table for each testbed, version and split; what does not compare is refused, saying why.

The first submission that is taken sets the terms of its testbeds: version, truth, organisms, grader, threshold, base.
What a testbed really holds is in no submission but in the testbed, so whoever keeps a leaderboard states their own,
checked submission as the reference; terms that nobody stated come with a warning.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from cordelia.contracts.content import Content
from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.headline import prompted
from cordelia.scoreboard.submission.folder import Submission, read_submission
from cordelia.scoreboard.submission.refusals import facts_of, refusals
from cordelia.scoreboard.submission.schema import OrganismFacts
from cordelia.scoreboard.submission.tables import Table, tables_of
from cordelia.scoreboard.terms import Terms, apart, terms_of


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
    """What the first submission said of a testbed; `prompted`: which of the organisms that it scored hide a prompt."""

    version: str
    organisms: dict[str, OrganismFacts]
    prompted: dict[str, bool]
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
        tables=tables_of(taken),
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
        prompted=prompted(rows),
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
    both = its.prompted.keys() & board.prompted.keys()
    if unlike := sorted(name for name in both if its.prompted[name] != board.prompted[name]):
        found.append(f"hidden prompts of other organisms of {testbed} than in {board.folder.name}: {', '.join(unlike)}")
    return found
