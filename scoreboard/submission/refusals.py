"""Why a submission, taken by itself, cannot stand in a leaderboard."""

import json
from collections.abc import Iterator

import polars as pl

from cordelia.scoreboard.submission.contradictions import broken, contradictions
from cordelia.scoreboard.submission.folder import Submission, claims_of
from cordelia.scoreboard.submission.public import SETTINGS, WITHHELD_ARGS
from cordelia.scoreboard.submission.schema import Claim, Scan, TestbedFacts
from cordelia.scoreboard.terms import GROUP, WAY, mixed, terms_of

SPLITS = ("dev", "test")
MOST_NAMED = 6


def refusals(submission: Submission) -> list[str]:
    """All that speaks against it, a sentence each; empty for a submission that can be compared with others."""
    audits = submission.audits
    if wrong := broken(audits):
        return [wrong]
    found = [*_claims(submission), *contradictions(audits, submission.provenance)]
    for claim in claims_of(audits):
        rows = audits.filter(
            pl.all_horizontal(pl.col(name) == value for name, value in zip(GROUP, _key(claim), strict=True))
        )
        found += _group(submission, claim, rows)
    return [*found, *_scan(submission)]


def facts_of(submission: Submission, testbed: str, version: str) -> TestbedFacts | None:
    """What the submission says of a testbed."""
    known = (facts for facts in submission.provenance.testbeds if (facts.testbed, facts.version) == (testbed, version))
    return next(known, None)


def _claims(submission: Submission) -> Iterator[str]:
    claimed, held = submission.manifest.claims, claims_of(submission.audits)
    if claimed != held:
        told = [", ".join(_told(claim) for claim in each) for each in (claimed, held)]
        yield f"the manifest claims {told[0]}, and the frame holds {told[1]}"
    for claim in claimed:
        if claim.split not in SPLITS:
            yield f"mixed splits: '{claim.split}' is neither dev nor test; each has a figure of its own"


def _group(submission: Submission, claim: Claim, rows: pl.DataFrame) -> Iterator[str]:
    where = " ".join(_key(claim))
    terms = terms_of(rows)
    if different := mixed(terms):
        yield f"{where} mixes {'; '.join(different)}"
    facts = facts_of(submission, claim.testbed, claim.testbed_version)
    if facts is None:
        yield f"provenance.json does not say which organisms {claim.testbed} {claim.testbed_version} has"
        return
    if [facts.truth_sha256] != terms["truth_sha256"] and len(terms["truth_sha256"]) == 1:
        yield f"{where} was scored with another truth than the one that was at hand when it was handed in; rescore it"
    yield from _organisms(claim, facts)
    yield from _coverage(claim, facts, rows)


def _organisms(claim: Claim, facts: TestbedFacts) -> Iterator[str]:
    """Organisms that are not of this split, or not what they are said to be."""
    for names, control in ((claim.organisms, False), (claim.controls, True)):
        for name in names:
            known = facts.organisms.get(name)
            if known is None:
                yield f"{claim.testbed} {claim.testbed_version} has no organism {name}"
            elif known.split != claim.split:
                yield f"mixed splits: {name} is of {known.split}, and stands under {claim.split}"
            elif known.control != control:
                yield f"{name} is {'a' if known.control else 'no'} control, and is counted as the other"


def _coverage(claim: Claim, facts: TestbedFacts, rows: pl.DataFrame) -> Iterator[str]:
    """A mean over part of the organisms is not the mean that others have."""
    wanted = {name: known.control for name, known in facts.organisms.items() if known.split == claim.split}
    several = rows["content_sha256"].n_unique() > 1
    for way in rows.partition_by(WAY):
        gone = set(wanted) - set(way["organism"])
        prompts = f" (prompts {way['content_sha256'][0] or 'unknown'})" if several else ""
        label = f"{way['auditor'][0]} with {way['affordance_set'][0]}{prompts}"
        for control, what in ((False, "organisms"), (True, "controls")):
            names = {name for name in gone if wanted[name] is control}
            if names:
                total = sum(each is control for each in wanted.values())
                where = f"{claim.split} {what} of {claim.testbed}"
                yield f"{label} was not run on {len(names)} of {total} {where}: {_some(names)}"


def _scan(submission: Submission) -> Iterator[str]:
    """Truths of test organisms in what auditors were given."""
    for name in SETTINGS:
        if told := sum(WITHHELD_ARGS in json.loads(text) for text in submission.audits[name]):
            yield f"{name} of {told} audits are withheld, as they hold words of a truth"
    scan = submission.provenance.scan
    if scan is None:
        yield "nobody looked for truths of test organisms in the auditors' prompts (provenance.json has no scan)"
        return
    for finding in scan.findings:
        yield f"unsealed truth of {finding.testbed}/{finding.organism} in {finding.where}"
    for testbed in sorted(set(submission.audits["testbed"])):
        yield from _searched(submission, scan, testbed)


def _searched(submission: Submission, scan: Scan, testbed: str) -> Iterator[str]:
    if testbed in scan.not_searched or testbed not in scan.searched:
        why = scan.not_searched.get(testbed, "not searched")
        yield f"auditors' prompts were not searched for the truths of {testbed}: {why}"
        return
    truths = {facts.truth_sha256 for facts in submission.provenance.testbeds if facts.testbed == testbed}
    if scan.searched[testbed] not in truths:
        yield f"auditors' prompts were searched for another truth of {testbed} than the audits were scored with"


def _key(claim: Claim) -> tuple[str, str, str]:
    return claim.testbed, claim.testbed_version, claim.split


def _told(claim: Claim) -> str:
    return f"{claim.audits} audits of {' '.join(_key(claim))}"


def _some(names: set[str]) -> str:
    shown = sorted(names)[:MOST_NAMED]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
