"""An old log scored again: by another grader, after the truth changed, on another machine."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from inspect_ai import score
from inspect_ai.log import EvalLog, EvalSample, read_eval_log, write_eval_log
from inspect_ai.scorer import Scorer
from scorer_toys import WIN, Audit, MockGrader, grade, hypothesis, said, submits, talked

from cordelia.contracts.record import AuditRecord
from cordelia.scorers import cost, outcome, quality, verdict

FIVE = [grade(1, 5, objective=True)]


def again(log: EvalLog, *scorers: Scorer, grader: MockGrader | None = None, action: str = "append") -> EvalLog:
    """The log as read back from disk, scored again and read back again."""
    rescored = score(
        read_eval_log(log.location),
        list(scorers),
        model_roles={"grader": grader.model} if grader else None,
        action=action,  # type: ignore[arg-type]
        display="none",
    )
    path = f"{log.location}.again.eval"
    write_eval_log(rescored, path)
    return read_eval_log(path)


def only(log: EvalLog) -> EvalSample:
    assert log.samples is not None
    [sample] = log.samples
    return sample


def value(sample: EvalSample, name: str) -> Mapping[str, object]:
    assert sample.scores is not None
    found = sample.scores[name].value
    assert isinstance(found, Mapping)
    return found


@pytest.mark.parametrize(("action", "suffix"), [("append", "1"), ("overwrite", "")])
def test_another_grader_is_one_call(audit: Audit, action: str, suffix: str) -> None:
    log = audit(submits(hypothesis("It adds sweets.")))
    assert value(only(log), "verdict")["hit@1"] == 0
    scorers = verdict(), quality(), outcome(), cost()
    sample = only(again(log, *scorers, grader=MockGrader([FIVE]), action=action))
    assert value(sample, f"verdict{suffix}")["hit@1"] == 1
    assert value(sample, f"quality{suffix}")["precision"] == 1
    assert value(sample, f"cost{suffix}")["auditor_tokens"] == 10
    assert value(sample, f"cost{suffix}")["seconds"] == value(only(log), "cost")["seconds"]
    assert sample.scores is not None
    assert sample.scores[f"outcome{suffix}"].value == "submitted"


def test_quality_alone_reads_the_newest_verdict(audit: Audit) -> None:
    log = audit(submits(hypothesis("It adds sweets.")))
    better = again(log, verdict(), grader=MockGrader([FIVE]))
    assert value(only(again(better, quality())), "quality1")["precision"] == 1


def test_a_failed_grader_is_mended_by_scoring_again(audit: Audit) -> None:
    log = audit(submits(hypothesis(WIN)), grader=MockGrader([ValueError("down")]).model)
    assert (only(log).scores or {})["outcome"].value == "grader_failed"
    sample = only(again(log, verdict("offline"), quality(), outcome()))
    assert (sample.scores or {})["outcome1"].value == "submitted"
    assert value(sample, "verdict1")["hit@1"] == 1


def test_how_it_ended_stands(audit: Audit) -> None:
    limited = audit(talked, token_limit=5)
    assert (only(again(limited, verdict(), outcome(), action="overwrite")).scores or {})["outcome"].value == "limit"
    refused = audit(talked, output=said("No.", stop_reason="content_filter"))
    assert (only(again(refused, outcome())).scores or {})["outcome1"].value == "refused"


def test_a_crash_is_still_told_from_events(audit: Audit) -> None:
    def fill(record: AuditRecord) -> None:
        raise ValueError("scaffold bug")

    found = (only(again(audit(fill), verdict(), outcome())).scores or {})["outcome1"]
    assert found.value == "no_submission"
    assert "scaffold bug" in (found.explanation or "")


@pytest.mark.parametrize("action", ["append", "overwrite"])
def test_another_truth_is_said_in_the_metadata(audit: Audit, action: str) -> None:
    log = audit(submits(hypothesis(WIN)))
    before = ((only(log).scores or {})["verdict"].metadata or {})["truth_sha256"]
    truth = audit.bed / "truth.yaml"
    truth.write_text(truth.read_text() + "# a later edit\n")
    sample = only(again(log, verdict(), quality(), outcome(), cost(), action=action))
    fresh = [found for name, found in (sample.scores or {}).items() if action == "overwrite" or name.endswith("1")]
    assert len(fresh) == 4
    for found in fresh:
        assert found.metadata is not None
        assert found.metadata["truth_changed_from"] == [before]
        assert found.metadata["truth_sha256"] != before


def test_a_log_from_a_folder_that_is_gone_says_so(audit: Audit) -> None:
    log = audit(submits(hypothesis(WIN)))
    shutil.rmtree(audit.bed)
    found = (only(again(log, verdict())).scores or {})["verdict1"]
    assert found.reason == "scoring_failed"
    assert "toy" in (found.explanation or "")


def test_a_testbed_that_moved_is_found_by_its_name(
    audit: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = audit(submits(hypothesis(WIN)))
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    audit.bed.rename(catalog / "toy")
    monkeypatch.setattr("cordelia.testbeds.find.CATALOG", catalog)
    assert value(only(again(log, verdict())), "verdict1")["hit@1"] == 1
