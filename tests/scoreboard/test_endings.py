"""Audits that did not end by themselves: planned and never run, broken by the machinery, or by their auditor's code."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai._util.error import EvalError
from inspect_ai.log import EvalLog
from inspect_ai.model import Model
from log_toys import write_log

from cordelia.scoreboard.audits import read_rows
from cordelia.scoreboard.board import board
from cordelia.scoreboard.reading import read_frame
from cordelia.solvers import equip
from cordelia.tasks.audit import audit


def cancelled(log: EvalLog) -> None:
    """Planned: a control and two organisms, twice. Run: one of them, once."""
    log.status, log.eval.dataset.sample_ids, log.eval.config.epochs = "cancelled", ["siskin", "finch", "wren"], 2
    log.eval.solver = "cordelia/auditor"
    told = {"siskin": ("dev", False), "finch": ("test", False), "wren": ("dev", True)}
    log.eval.metadata = (log.eval.metadata or {}) | {
        "organisms": {name: {"split": split, "control": control} for name, (split, control) in told.items()}
    }


def test_audits_that_were_planned_and_not_run_are_rows(tmp_path: Path) -> None:
    path = write_log(tmp_path, change=cancelled)
    reading = read_frame([tmp_path], cache=tmp_path / "cache.sqlite")
    assert [(each.file, each.why) for each in reading.unfinished] == [(str(path), "5 of 6 planned audits have not run")]
    columns = ("organism", "epoch", "outcome", "split", "control", "objective_found", "planned")
    assert reading.audits.select(columns).rows() == [
        ("siskin", 1, "submitted", "dev", False, 1.0, 6),
        ("finch", 1, "not_run", "test", False, None, 6),
        ("wren", 1, "not_run", "dev", True, None, 6),
        ("finch", 2, "not_run", "test", False, None, 6),
        ("siskin", 2, "not_run", "dev", False, None, 6),
        ("wren", 2, "not_run", "dev", True, None, 6),
    ]
    assert set(reading.audits["auditor"]) == {"investigator"} and set(reading.audits["grader"]) == {"offline"}
    assert set(reading.audits["reason"]) == {"", "its run was cancelled"}
    assert read_frame([tmp_path], cache=tmp_path / "cache.sqlite").audits.equals(reading.audits)
    dev, test = board(reading).groups
    [result] = dev.sets
    assert (dev.samples, test.samples, dev.controls) == (4, 2, ["wren"])
    assert (result.runs, result.missing, result.control_missing) == (4, 3, 2)
    assert result.found and result.found_at_most and (result.found.value, result.found_at_most.value) == (0.5, 1.0)
    assert result.false_positive_at_most and result.false_positive_at_most.value == 1.0
    siskin, wren = dev.cells
    assert siskin.outcomes == {"not_run": 1, "submitted": 1} and len(siskin.samples) == 1 and not wren.samples
    assert any(note.startswith("3 of 4 audits have no score (3 not_run).") for note in dev.notes)


def test_what_a_retry_ran_is_not_missing(tmp_path: Path) -> None:
    def killed_at_once(log: EvalLog) -> None:
        cancelled(log)
        log.samples, log.eval.created, log.eval.eval_id = [], "2099-01-01T00:00:00+00:00", "Elast"

    def rest(log: EvalLog) -> None:
        cancelled(log)
        log.status, log.eval.created, log.eval.eval_id = "success", "2098-01-01T00:00:00+00:00", "Erest"
        for sample in list(log.samples or []):
            again = sample.model_copy(update={"epoch": 2, "uuid": f"{sample.uuid}2"}, deep=True)
            log.samples = [*(log.samples or []), again]

    write_log(tmp_path, change=cancelled)
    write_log(tmp_path, organisms="finch,siskin,wren", change=rest)
    last = write_log(tmp_path, change=killed_at_once)
    reading = read_frame([tmp_path])
    assert reading.audits["outcome"].to_list() == ["submitted"] * 6 and not reading.unfinished
    assert {each.file: each.why for each in reading.passed_over}[str(last)] == (
        "each of its audits is counted from another log"
    )


def test_a_run_that_kept_no_samples_has_none_that_did_not_run(tmp_path: Path) -> None:
    def unlogged(log: EvalLog) -> None:
        log.samples, log.eval.config.log_samples = [], False

    write_log(tmp_path, change=unlogged)
    assert [each.why for each in read_frame([tmp_path]).passed_over] == ["there is no sample in it"]


def broken(message: str, traceback: str) -> Callable[[EvalLog], None]:
    def change(log: EvalLog) -> None:
        [sample] = log.samples or []
        assert sample.scores
        sample.error = EvalError(message=message, traceback=traceback, traceback_ansi="")
        sample.scores["outcome"].value = "no_submission"
        sample.scores["verdict"].value = {"objective_found": 0.0, "hit@1": 0.0}

    return change


PROVIDER = '  File "/x/inspect_ai/model/_model.py", line 1631, in generate\n    result = await self.api.generate(\n'
SETUP = '  File "/x/cordelia/solvers/equip.py", line 51, in solve\n    refuse_missing_helper(chosen)\n'
TOOL = '  File "C:\\x\\cordelia\\solvers\\affordances\\sae.py", line 51, in execute\n    1 / 0\n'
SCAFFOLD = '  File "/x/theirs/solvers/mine.py", line 51, in execute\n    await model.generate(1 / 0)\n'


@pytest.mark.parametrize("traceback", [PROVIDER, SETUP, TOOL])
def test_what_the_machinery_broke_is_missing_and_not_the_auditors_failure(tmp_path: Path, traceback: str) -> None:
    write_log(tmp_path, change=broken("it broke", traceback))
    reading = read_frame([tmp_path])
    [row] = reading.audits.to_dicts()
    assert (row["outcome"], row["reason"], row["objective_found"], row["hit@1"]) == ("error", "it broke", None, None)
    assert row["target_queries"] is not None, "what it spent is still known"
    assert [(row.outcome, "objective_found" in row.values) for row in read_rows(tmp_path)] == [("error", False)]
    [result] = board(reading).groups[0].sets
    assert (result.missing, result.runs) == (1, 1)


def test_a_crash_of_the_auditors_code_is_its_own(tmp_path: Path) -> None:
    write_log(tmp_path, change=broken("division by zero", SCAFFOLD))
    [row] = read_frame([tmp_path]).audits.to_dicts()
    assert (row["outcome"], row["objective_found"]) == ("no_submission", 0.0)


@pytest.mark.usefixtures("fake_backend")
def test_a_control_whose_every_audit_broke_before_it_began_is_still_one(
    bed: Path,
    tmp_path: Path,
    scripted: Callable[[Sequence[tuple[str, dict[str, object]]]], Model],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken_setup(*_: object) -> None:
        raise RuntimeError("no room on this machine")

    task = audit(testbed=str(bed), organisms="ash,oak", backend="fake", affordances="chat_only")
    monkeypatch.setattr(equip, "refuse_missing_helper", broken_setup)
    inspect_eval(task, model=scripted([]), log_dir=str(tmp_path / "logs"), display="none")
    found = read_frame([tmp_path / "logs"]).audits.sort("organism")
    columns = ("organism", "split", "control", "outcome", "auditor", "objective_found", "false_positive")
    assert found.select(columns).rows() == [
        ("ash", "dev", True, "error", "investigator", None, None),
        ("oak", "test", False, "error", "investigator", None, None),
    ]
    assert all("no room on this machine" in reason for reason in found["reason"])
