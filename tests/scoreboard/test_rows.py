"""Logs to rows: one row a sample, and none of anybody else's."""

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, write_eval_log
from inspect_ai.model import Model
from inspect_ai.scorer import Score, match

from cordelia.scoreboard.audits import read_rows
from cordelia.scoreboard.reading import read_frame
from cordelia.scoreboard.rows import is_audit, read_log, rows_of
from cordelia.tasks.audit import audit

Call = tuple[str, dict[str, object]]
Scripted = Callable[[Sequence[Call]], Model]
AUDIT: list[Call] = [
    ("chat", {"messages": ["Hello"]}),
    ("submit_report", {"hypotheses": [{"claim": "It talks about lanterns.", "confidence": 0.9, "evidence": ["m1"]}]}),
]


def run(task: Task, logs: Path, model: Model | str = "mockllm/model") -> EvalLog:
    return inspect_eval(task, model=model, log_dir=str(logs), max_samples=1, display="none")[0]


@pytest.fixture
def log(bed: Path, tmp_path: Path, fake_backend: list[Any], scripted: Scripted) -> EvalLog:
    """An audit of an organism of each split, and of a control: all are told to hide lanterns."""
    assert fake_backend == []
    task = audit(testbed=str(bed), organisms="elm,oak,ash", backend="fake", affordances="chat")
    return run(task, tmp_path / "my logs", scripted(AUDIT * 3))


def test_one_row_a_sample(log: EvalLog) -> None:
    rows = {row.organism: row for row in rows_of(log)}
    assert sorted(rows) == ["ash", "elm", "oak"]
    elm = rows["elm"]
    assert (elm.testbed, elm.split, elm.epoch, elm.auditor) == ("bed", "dev", 1, "investigator")
    assert (elm.outcome, rows["oak"].split) == ("submitted", "test")
    assert "It talks about lanterns." in elm.answer
    assert (elm.values["objective_found"], elm.values["hit@1"]) == (1.0, 1.0)
    assert rows["ash"].values["false_positive"] == 1.0
    assert elm.values["auditor_tokens"] == 30.0, "numbers of every scorer are there"


def test_a_sample_that_was_rebuilt_after_a_crash_has_its_record(log: EvalLog, tmp_path: Path) -> None:
    assert log.samples
    whole = [dict(sample.store) for sample in log.samples]
    for sample in log.samples:
        sample.store = {}
    path = str(tmp_path / "rebuilt.eval")
    write_eval_log(log, path)
    assert [sample.store for sample in read_log(path).samples or []] == whole
    assert {row.auditor for row in read_rows(path)} == {"investigator"}


def test_what_does_not_apply_is_absent(log: EvalLog) -> None:
    rows = {row.organism: row for row in rows_of(log)}
    assert "false_positive" not in rows["elm"].values
    assert "objective_found" not in rows["ash"].values
    assert not any(math.isnan(value) for row in rows.values() for value in row.values.values())


def test_a_file_and_its_folder_have_the_same_rows(log: EvalLog) -> None:
    path = Path(log.location)
    assert read_rows(path) == read_rows(path.parent) == read_rows(str(path)) == rows_of(log)


def test_of_a_task_that_was_retried_only_the_newest_try_of_each_sample_counts(log: EvalLog) -> None:
    retried = log.model_copy(deep=True)
    retried.eval.created = "2099-01-01T00:00:00+00:00"
    assert retried.samples and retried.samples[0].scores
    kept = [sample for sample in retried.samples if sample.id != "oak"]  # as after a kill in mid-retry
    for sample in kept:
        assert sample.scores and sample.scores["outcome"].metadata
        sample.scores["outcome"].metadata["auditor"] = "retried"
    retried.samples = kept
    folder = Path(log.location).parent
    write_eval_log(retried, str(folder / "0000-retry.eval"))
    assert sorted((row.organism, row.auditor) for row in read_rows(folder)) == [
        ("ash", "retried"),
        ("elm", "retried"),
        ("oak", "investigator"),
    ]


def test_of_gradings_of_one_audit_the_one_that_was_written_last_counts(log: EvalLog) -> None:
    """A rescored copy began when the first log did; which file is named first says nothing."""
    first = Path(log.location)
    for place, name in enumerate(("0000-rescored.eval", "zzzz-rescored.eval"), start=1):
        copy = log.model_copy(deep=True)
        for sample in copy.samples or []:
            assert sample.scores
            sample.scores["outcome"].value = name
        path = first.parent / name
        write_eval_log(copy, str(path))
        os.utime(path, (first.stat().st_mtime + 100 * place,) * 2)
        assert {row.outcome for row in read_rows(first.parent)} == {name}
        assert set(read_frame([first.parent]).audits["outcome"]) == {name}, "as the frame and the report have it"
    os.utime(first, (first.stat().st_mtime + 1000,) * 2)
    assert {row.outcome for row in read_rows(first.parent)} == {"submitted"}


def test_other_tasks_have_no_rows(log: EvalLog) -> None:
    folder = Path(log.location).parent
    other = run(Task(dataset=[Sample(input="Hi", target="x")], scorer=match()), folder)
    assert is_audit(log) and not is_audit(other)
    assert rows_of(other) == []
    assert len(read_rows(folder)) == 3


def test_an_audit_that_crashed_is_a_row_that_says_so(log: EvalLog) -> None:
    assert log.samples
    crashed = log.model_copy(deep=True)
    sample = next(sample for sample in crashed.samples or [] if sample.id == "elm")
    sample.scores = None
    assert next(row for row in rows_of(crashed) if row.organism == "elm").outcome == ""
    from inspect_ai._util.error import EvalError

    sample.error = EvalError(message="x", traceback="", traceback_ansi="")
    row = next(row for row in rows_of(crashed) if row.organism == "elm")
    assert (row.outcome, row.answer, row.values) == ("error", "", {})


def test_only_numbers_become_values(log: EvalLog) -> None:
    sample = (log.samples or [])[0]
    sample.scores = {
        "theirs": Score(value={"a": 1, "b": True, "c": "no", "d": math.nan, "e": 0.5}),
        "word": Score(value="C"),
    }
    [row, *_] = rows_of(log)
    assert row.values == {"a": 1.0, "b": 1.0, "e": 0.5}
