"""`cordelia grade-check` as a user types it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from inspect_ai.model import GenerateConfig, Model
from labelled_toys import model_grader

from cordelia.cli import graders, main
from cordelia.scorers.labelled.result import GradeCheck, offline_check, read_result
from cordelia.testbeds.schema import Split


@pytest.fixture
def command(tmp_path: Path, labelled: Path) -> Callable[..., Result]:
    def call(*words: str | Path) -> Result:
        env = {"COLUMNS": "240", "NO_COLOR": "1", "INSPECT_LOG_DIR": str(tmp_path / "cli logs")}
        return CliRunner().invoke(main, ["grade-check", *map(str, words)], env=env)

    return call


def test_the_command_prints_the_figures_and_writes_them(
    command: Callable[..., Result], labelled: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    result = command("--grader", "offline", "--reports", labelled, "--out", out)
    assert result.exit_code == 0, result.output
    assert "Grader: offline" in result.output
    assert "5/5, 100% (57%–100%)" in result.output
    written = read_result(out)
    assert written.date is not None
    assert written.figures == offline_check(labelled).figures
    [log] = (tmp_path / "cli logs").iterdir()
    again = command("--log", log, "--threshold", "5")
    assert again.exit_code == 0, again.output
    assert "a grade of 5 or more" in again.output


def test_the_command_checks_models_and_panels(
    command: Callable[..., Result], labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs: list[GenerateConfig] = []

    def known(name: str, config: GenerateConfig) -> Model:
        configs.append(config)
        return model_grader(lambda _: (1, False), name.rpartition("/")[2])

    monkeypatch.setattr(graders, "get_model", known)
    out = tmp_path / "out.json"
    result = command("--model", "x/a", "--model", "x/b", "--reports", labelled, "--split", "dev", "--out", out)
    assert result.exit_code == 0, result.output
    written = read_result(out)
    assert written.grader.models == ["mockllm/a", "mockllm/b"]
    assert list(written.figures) == ["dev"]
    assert written.grader.prompts_sha256 is not None
    assert [config.max_connections for config in configs] == [10, 10]


def test_a_few_reports_are_enough_to_try_it(command: Callable[..., Result], labelled: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    result = command("--grader", "offline", "--reports", labelled, "--limit", "3", "--out", out)
    assert result.exit_code == 0, result.output
    written: GradeCheck = read_result(out)
    assert sorted(written.said) == ["d-hit", "d-near", "t-hit"]
    assert (written.figures[Split.DEV].reports, written.measured_on[Split.DEV].of) == (2, 6)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "Say which grader"),
        (["--grader", "model"], "Say which grader"),
        (["--grader", "oracle"], "There is no grader 'oracle'"),
        (["--grader", "offline", "--threshold", "9"], "threshold=9: grades run from 1 to 5"),
        (["--model", "nobody/x"], "--model: "),
        (["--grader", "offline", "--reports", "/nowhere"], "/nowhere/dev.yaml: this file is missing"),
    ],
)
def test_a_wrong_command_is_one_clear_line(command: Callable[..., Result], words: list[str], says: str) -> None:
    result = command(*words)
    assert result.exit_code == 2, result.output
    [line] = result.stderr.strip().splitlines()
    assert line.startswith("cordelia: ") and says in line


def test_a_model_without_its_key_is_one_clear_line(
    command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    result = command("--model", "openai/gpt-4o")
    assert result.exit_code == 2, result.output
    [line] = result.stderr.strip().splitlines()
    assert line.startswith("cordelia: ") and "OPENAI_API_KEY" in line and "[bold]" not in line


def test_a_log_is_read_and_nothing_else(command: Callable[..., Result], tmp_path: Path) -> None:
    log = tmp_path / "x.eval"
    log.write_text("no log")
    assert "is not a log that inspect can read" in command("--log", log).stderr
    assert "--log reads what a run has found" in command("--log", log, "--grader", "offline").stderr
