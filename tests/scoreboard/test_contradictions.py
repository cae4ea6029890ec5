"""Folders that were changed and signed again: what does not go together is found, and said."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from submission_toys import audits_of, provenance, sign_again, submit

from cordelia.scoreboard.submission.contradictions import SCORES
from cordelia.scoreboard.submission.folder import claims_of, read_submission
from cordelia.scoreboard.submission.refusals import refusals

Change = Callable[[pl.DataFrame], pl.DataFrame]
ORGANISM, CONTROL = ~pl.col("control"), pl.col("control")
FOUND = ("objective_found", "hit@1")


def where(rows: pl.Expr, **values: object) -> Change:
    """Puts values into some rows."""
    return lambda audits: audits.with_columns(
        pl.when(rows).then(pl.lit(value, audits.schema[name])).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def failed(audits: pl.DataFrame) -> pl.DataFrame:
    """As audits that end without a report are: not found, and no false alarm."""
    audits = where(ORGANISM, outcome="limit", objective_found=0.0, **{"hit@1": 0.0})(audits)
    return where(CONTROL, outcome="limit", false_positive=0.0)(audits)


def found_in(folder: Path, change: Change) -> list[str]:
    """Why a submission is refused after a change to its frame, with new claims and hashes."""
    made = submit(folder, audits_of(0.4))
    audits = change(made.audits)
    audits.write_parquet(folder / "frame.parquet")
    claims = [claim.model_dump() for claim in claims_of(audits)]
    sign_again(folder, lambda manifest: manifest | {"claims": claims})
    return refusals(read_submission(folder))


def multiplied(audits: pl.DataFrame) -> pl.DataFrame:
    more = audits.filter(pl.col("objective_found") == 1).with_columns(
        sample_uuid=pl.lit("more") + pl.col("sample_uuid"), epoch=pl.col("epoch") + 10
    )
    return pl.concat([audits, more])


def twice(audits: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([audits, audits.head(3).with_columns(sample_uuid=pl.lit("again") + pl.col("sample_uuid"))])


CASES: dict[str, tuple[Change, str]] = {
    "rows deleted": (
        lambda audits: audits.filter((pl.col("objective_found") == 1) | CONTROL | (pl.col("epoch") == 10)),
        "the frame holds 20 dev audits of task task1, and provenance.json says 30",
    ),
    "a split of a task deleted in part": (
        lambda audits: audits.filter((pl.col("split") == "dev") | (pl.col("epoch") < 10)),
        "the frame holds 18 test audits of task task1, and provenance.json says 20",
    ),
    "audits multiplied": (multiplied, "task task1 did not audit its organisms equally often"),
    "other epochs": (where(pl.col("epoch") == 1, epoch=77), "the epochs of task task1 are not 1 to 10"),
    "doubled": (twice, "3 audits have the task, organism and epoch of another"),
    "no uuid": (where(pl.lit(True), sample_uuid=""), "50 audits ran and have no sample_uuid"),
    "an outcome that is none": (where(pl.lit(True), outcome="glorious"), "no outcome of an audit: glorious"),
    "found without a report": (where(ORGANISM, outcome="no_submission"), "12 audits found something and have an"),
    "an alarm without a report": (where(CONTROL, outcome="limit"), "8 audits raised a false alarm without a report"),
    "no alarm and no score": (
        where(CONTROL, outcome="limit", false_positive=None),
        "20 audits failed by themselves and are not scored as that",
    ),
    "a score of a broken target": (where(ORGANISM, outcome="target_error"), "30 audits have a score and an outcome"),
    "a score of what was not run": (where(ORGANISM, outcome="not_run"), "30 audits have a score and an outcome"),
    "a control's objective": (where(CONTROL, objective_found=1.0), "20 audits are scored for what a control hides"),
    "an organism's alarm": (where(ORGANISM, false_positive=0.0), "30 audits are scored for a false alarm"),
    "half found": (where(ORGANISM, objective_found=0.5), "30 audits are half a success"),
    "both ways": (
        where(ORGANISM, by_demonstration=1.0, by_extraction=1.0),
        "30 audits found the objective by demonstration and extraction",
    ),
    "one way alone": (
        where(ORGANISM, by_demonstration=0.0),
        "30 audits say only in part whether the objective was found, by demonstration and by extraction",
    ),
    "ways of some": (
        where(ORGANISM & (pl.col("epoch") <= 4), by_demonstration=1.0, by_extraction=0.0),
        "18 audits do not say by which way they found it, and others of their organism do",
    ),
    "fewer hit more": (
        where(ORGANISM, **{"hit@1": 1.0, "hit@3": 0.0, "hit@10": 0.0}),
        "30 audits hit with fewer hypotheses",
    ),
    "negative seconds": (where(pl.lit(True), seconds=-5.0), "seconds is negative or no number in 50 audits"),
    "endless money": (where(ORGANISM, money=float("inf")), "money is negative or no number in 30 audits"),
    "no truth": (where(pl.lit(True), truth_sha256=""), "50 audits have scores and not the hash of the truth"),
    "another log": (where(ORGANISM, log="two.eval"), "provenance.json says nothing of the logs two.eval"),
    "other prompts": (
        where(ORGANISM, content_sha256="f" * 16),
        "provenance.json has no hashes of the prompts ffffffffffffffff",
    ),
    "no JSON": (where(ORGANISM, auditor_args="{seed}"), "auditor_args holds no JSON object: {seed}"),
    "no settings": (where(ORGANISM, model_args=None), "audits without model_args"),
}


@pytest.mark.parametrize(("change", "says"), CASES.values(), ids=CASES.keys())
def test_what_contradicts_itself_is_refused(tmp_path: Path, change: Change, says: str) -> None:
    found = found_in(tmp_path / "it", change)
    assert any(reason.startswith(says) for reason in found), found


@pytest.mark.parametrize(
    "change",
    [
        lambda audits: audits,
        failed,
        where(pl.col("epoch") == 3, outcome="target_error", false_positive=None, **dict.fromkeys(FOUND)),
        where(CONTROL, outcome="no_contact"),
        lambda audits: audits.filter(pl.col("split") == "test"),
    ],
    ids=["as it was", "all failed", "some broken", "alarms without contact", "one split"],
)
def test_what_audits_can_be_like_is_taken(tmp_path: Path, change: Change) -> None:
    assert found_in(tmp_path / "it", change) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"logs": []}, "provenance.json says nothing of the logs one.eval"),
        ({"prompts": {}}, "provenance.json has no hashes of the prompts"),
        ({"tasks": []}, "provenance.json says nothing of the tasks task1"),
    ],
)
def test_provenance_that_is_empty(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    found = refusals(submit(tmp_path / "it", audits_of(0.4), **changes))
    assert any(reason.startswith(says) for reason in found), found


def test_prompts_that_are_not_those_of_their_digest(tmp_path: Path) -> None:
    it = submit(tmp_path / "it", audits_of(0.4))
    [name] = provenance(it.audits).prompts
    changed = submit(tmp_path / "other", audits_of(0.4), prompts={name: {"prompts/investigator.md": "cd" * 32}})
    assert refusals(changed) == [f"the hashes of prompts are not those of {name}"]


def test_every_rule_of_scores_is_tried() -> None:
    tried = {says.partition(" audits ")[2] for _, says in CASES.values()}
    assert all(any(what.startswith(each) for each in tried if each) for _, what in SCORES)
