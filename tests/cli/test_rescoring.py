"""`cordelia rescore` on a pile: it goes on over what fails, is gone on with after a kill, and never halves a log."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from inspect_ai import eval as inspect_eval
from inspect_ai import score as inspect_score
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import Model, ModelOutput, ModelUsage, get_model

from cordelia.cli import main, rescored
from cordelia.cli.rescored import Regrading
from cordelia.tasks.audit import audit

OFFLINE = ("--grader", "offline")
Scripted = Callable[..., Model]


def rescore(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["rescore", *[str(word) for word in words]], env={"NO_COLOR": "1"})


def found(path: str | Path) -> object:
    [sample] = read_eval_log(str(path)).samples or []
    assert sample.scores is not None
    return sample.scores["verdict"].value["objective_found"]  # type: ignore[index,call-overload]


def mend_truth(bed: Path) -> None:
    truth = bed / "truth.yaml"
    truth.write_text(truth.read_text(encoding="utf-8").replace("all: [lantern]", "all: [tea]"), encoding="utf-8")


@pytest.fixture
def pile(bed: Path, tmp_path: Path, fake_backend: list[Any], scripted: Scripted) -> Path:
    """Three audits in which the report names tea, in two folders: a truth that wants lanterns does not find them."""
    for folder in ("one", "one", "two"):
        turns = [
            ("chat", {"messages": ["Hello"]}),
            ("submit_report", {"hypotheses": [{"claim": "It names tea.", "confidence": 0.9, "evidence": ["m1"]}]}),
        ]
        task = audit(testbed=str(bed), organisms="elm", backend="fake", affordances="chat")
        inspect_eval(task, model=scripted(turns), log_dir=str(tmp_path / "pile" / folder), display="none")
    mend_truth(bed)
    return tmp_path / "pile"


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.eval"))


def cut_short(monkeypatch: pytest.MonkeyPatch, after: int) -> list[str]:
    """From the given call on, scoring is interrupted as by Ctrl-C; says which logs were scored."""
    scored: list[str] = []

    def scoring(log: EvalLog, *args: Any, **kwargs: Any) -> EvalLog:
        if len(scored) >= after:
            raise KeyboardInterrupt
        scored.append(log.location)
        return inspect_score(log, *args, **kwargs)

    monkeypatch.setattr(rescored, "score", scoring)
    return scored


def test_subfolders_are_kept_and_progress_is_said(pile: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = rescore(pile, *OFFLINE, "--out", out)
    assert result.exit_code == 0, result.output
    assert [file.relative_to(out) for file in files(out)] == [file.relative_to(pile) for file in files(pile)]
    assert [found(file) for file in files(out)] == [1, 1, 1]
    assert [found(file) for file in files(pile)] == [0, 0, 0]
    assert "(3 of 3)" in result.stdout
    assert result.stdout.splitlines()[-1] == "3 rescored"


@pytest.mark.parametrize("in_place", [True, False])
def test_a_pile_that_was_cut_short_is_gone_on_with(
    pile: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_place: bool
) -> None:
    where = ["--in-place"] if in_place else ["--out", tmp_path / "out"]
    folder = pile if in_place else tmp_path / "out"
    first = cut_short(monkeypatch, after=1)
    assert rescore(pile, *OFFLINE, *where).exit_code == 1
    assert [found(file) for file in files(folder)].count(1) == 1
    second = cut_short(monkeypatch, after=9)
    result = rescore(pile, *OFFLINE, *where)
    assert result.stdout.splitlines()[-1] == "2 rescored, 1 done before"
    assert len(second) == 2 and not set(first) & set(second)
    assert [found(file) for file in files(folder)] == [1, 1, 1]
    assert rescore(pile, *OFFLINE, *where).stdout.splitlines()[-1] == "3 done before"
    assert rescore(pile, *OFFLINE, *where, "--again").stdout.splitlines()[-1] == "3 rescored"


def test_another_truth_or_threshold_is_graded_again(pile: Path, bed: Path) -> None:
    assert rescore(pile, *OFFLINE, "--in-place").exit_code == 0
    truth = bed / "truth.yaml"
    truth.write_text(truth.read_text(encoding="utf-8") + "# a later edit\n", encoding="utf-8")
    assert rescore(pile, *OFFLINE, "--in-place").stdout.splitlines()[-1] == "3 rescored"
    assert rescore(pile, *OFFLINE, "--in-place", "--threshold", "5").stdout.splitlines()[-1] == "3 rescored"
    assert rescore(pile, *OFFLINE, "--in-place").stdout.splitlines()[-1] == "3 done before", "the log's own threshold"


def test_a_log_that_cannot_be_read_is_named_and_the_others_go_on(pile: Path) -> None:
    broken = files(pile)[1]
    broken.write_bytes(b"no log at all")
    result = rescore(pile, *OFFLINE, "--in-place")
    assert result.exit_code == 1
    assert f"left as it was: {broken}: not a log that inspect can read" in result.stderr
    assert result.stdout.splitlines()[-1] == "2 rescored, 1 left as it was"
    assert broken.read_bytes() == b"no log at all"


def test_a_scorer_that_breaks_ends_its_log_and_not_the_pile(pile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = files(pile)[0]

    def scoring(log: EvalLog, *args: Any, **kwargs: Any) -> EvalLog:
        if Path(log.location.removeprefix("file://")) == bad:
            raise ZeroDivisionError("a scorer's own fault")
        return inspect_score(log, *args, **kwargs)

    before = bad.read_bytes()
    monkeypatch.setattr(rescored, "score", scoring)
    result = rescore(pile, *OFFLINE, "--in-place")
    assert result.exit_code == 1
    assert f"left as it was: {bad}: a scorer's own fault" in result.stderr
    assert bad.read_bytes() == before
    assert [found(file) for file in files(pile)].count(1) == 2


def test_a_log_whose_testbed_is_gone_keeps_its_scores(pile: Path, bed: Path) -> None:
    bed.rename(bed.with_name("elsewhere"))
    before = [file.read_bytes() for file in files(pile)]
    result = rescore(pile, *OFFLINE, "--in-place")
    assert result.exit_code == 1
    assert "no grade for 1 of 1 audits (elm, run 1: There is no testbed 'bed'" in result.stderr
    assert [file.read_bytes() for file in files(pile)] == before


def test_a_write_that_is_cut_short_leaves_the_old_log(pile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def halfway(log: EvalLog, location: str, **kwargs: Any) -> None:
        Path(location).write_bytes(b"half")
        raise KeyboardInterrupt

    before = [file.read_bytes() for file in files(pile)]
    monkeypatch.setattr(rescored, "write_eval_log", halfway)
    assert rescore(pile, *OFFLINE, "--in-place").exit_code == 1
    assert [file.read_bytes() for file in files(pile)] == before
    monkeypatch.undo()


def test_an_out_inside_the_pile_is_not_read_again(pile: Path) -> None:
    out = pile / "again"
    assert rescore(pile, *OFFLINE, "--out", out).stdout.splitlines()[-1] == "3 rescored"
    assert rescore(pile, *OFFLINE, "--out", out).stdout.splitlines()[-1] == "3 done before"
    assert len(files(out)) == 3


def test_places_that_clash_are_refused_before_anything(pile: Path, tmp_path: Path) -> None:
    result = rescore(pile, *OFFLINE, "--out", pile)
    assert result.exit_code == 2 and "Give another folder, or --in-place." in result.stderr
    copy = tmp_path / "copy" / files(pile)[0].name
    copy.parent.mkdir()
    copy.write_bytes(files(pile)[0].read_bytes())
    result = rescore(files(pile)[0], copy, *OFFLINE, "--out", tmp_path / "out")
    assert result.exit_code == 2 and "would both become" in result.stderr
    assert not (tmp_path / "out").exists()


def mute_grader(*_: Any) -> ModelOutput:
    output = ModelOutput.from_content("mockllm/grader", "I would rather not say.")
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return output


def test_a_grader_that_cannot_grade_leaves_the_logs_alone(pile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grader = get_model("mockllm/grader", custom_outputs=mute_grader)
    monkeypatch.setattr("cordelia.cli.rescoring.graders", lambda names: grader)
    one = files(pile)[0]
    before = one.read_bytes()
    result = rescore(one, "--model", "mockllm/grader", "--in-place")
    assert result.exit_code == 1
    assert f"left as it was: {one}: no grade for 1 of 1 audits (elm, run 1: " in result.stderr
    assert one.read_bytes() == before


def test_the_header_names_the_new_grader_and_forgets_the_old_one(pile: Path) -> None:
    log = read_eval_log(str(files(pile)[0]), header_only=True)
    Regrading("model", None, ["mockllm/a", "mockllm/b"], None).bind(log)
    bound = (log.eval.model_roles or {})["grader"]
    assert isinstance(bound, list) and [each.model for each in bound] == ["mockllm/a", "mockllm/b"]
    Regrading("offline", None, (), None).bind(log)
    assert not log.eval.model_roles
