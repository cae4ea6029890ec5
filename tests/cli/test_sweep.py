"""`cordelia sweep`: the plan, the question, and the ways to end."""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cordelia.cli import main
from cordelia.sweeps import running
from cordelia.sweeps.running import LeftOver
from cordelia.sweeps.schema import read_sweep

ARMS = Path(__file__).parents[2] / "docs/examples/arms.yaml"
EPOCHS = read_sweep(ARMS).epochs
EACH, ALL = 17 * EPOCHS, 4 * 17 * EPOCHS
Ran = list[tuple[object, ...]]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    """Sweeps that were started; none really runs."""
    found: Ran = []

    def run(*arguments: object) -> list[LeftOver]:
        found.append(arguments)
        return []

    monkeypatch.setattr(running, "run_sweep", run)
    monkeypatch.delenv("CI", raising=False)
    return found


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("cordelia.cli.sweep"), "_terminal", lambda: True)


def call(tmp_path: Path, *arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, ["sweep", str(ARMS), "--logs", str(tmp_path / "logs"), *arguments], input=answer)


def test_the_plan_of_the_worked_example(tmp_path: Path, ran: Ran) -> None:
    result = call(tmp_path, "--plan")
    assert result.exit_code == 0, result.output
    assert f"1 auditor × 4 affordance sets × 1 testbed × {EPOCHS} epochs = {ALL} samples\n" in result.output
    lines = [line.split() for line in result.output.splitlines() if line.startswith(("baseline/", "all "))]
    assert [line[:4] for line in lines[:-1]] == [
        [f"baseline/{name}/pocket", "17", str(EACH), str(EACH)]
        for name in ("battery", "diff_mining", "data_search", "sae")
    ]
    assert lines[-1] == ["all", str(ALL), str(ALL), "0", "unknown", "0", "unknown"]
    assert ran == []
    assert not (tmp_path / "logs").exists()


def test_the_plan_of_a_part(tmp_path: Path, ran: Ran) -> None:
    result = call(tmp_path, "--plan", "--part", "2/3")
    assert f"= {ALL} samples; this part: {(2 * 68 // 3 - 68 // 3) * EPOCHS}\n" in result.output
    assert f"Logs: {tmp_path}/logs/part-2-of-3" in result.output


def test_without_a_terminal_nothing_is_asked(tmp_path: Path, ran: Ran) -> None:
    result = call(tmp_path)
    assert "Run it?" not in result.output
    assert f"Done: {ALL} samples" in result.output
    assert len(ran) == 1


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("answer", "runs"), [("y\n", 1), ("\n", 1), ("n\n", 0)])
def test_with_a_terminal_it_asks_once(tmp_path: Path, ran: Ran, answer: str, runs: int) -> None:
    result = call(tmp_path, answer=answer)
    assert result.output.count("Run it?") == 1
    assert len(ran) == runs


@pytest.mark.usefixtures("terminal")
def test_yes_and_ci_ask_nothing(tmp_path: Path, ran: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Run it?" not in call(tmp_path, "--yes").output
    monkeypatch.setenv("CI", "true")
    assert "Run it?" not in call(tmp_path).output
    assert len(ran) == 2


def test_what_is_left_over_is_told_with_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [LeftOver("a/b/c", ["wren (epoch 2)"], "TargetError: down", "logs/x.eval")]
    monkeypatch.setattr(running, "run_sweep", lambda *arguments: left)
    result = call(tmp_path, "--yes")
    assert result.exit_code == 1
    assert "left over: a/b/c: wren (epoch 2): TargetError: down\n  logs/x.eval" in result.output
    assert "Done" not in result.output


def test_a_part_without_audits(tmp_path: Path, ran: Ran, write_one: Callable[[], Path]) -> None:
    result = CliRunner().invoke(main, ["sweep", str(write_one()), "--part", "1/2", "--logs", str(tmp_path / "logs")])
    assert result.exit_code == 0, result.output
    assert "Nothing is left to run." in result.output
    assert ran == []


@pytest.fixture
def write_one(tmp_path: Path) -> Callable[[], Path]:
    def write() -> Path:
        file = tmp_path / "one.yaml"
        bed = {"testbed": "pocket", "organisms": ["wren"]}
        auditor = {"name": "floor", "model": "none"}
        sweep = {"name": "one", "auditors": [auditor], "affordances": ["chat"], "testbeds": [bed]}
        file.write_text(json.dumps(sweep), encoding="utf-8")
        return file

    return write


@pytest.mark.parametrize(
    ("text", "words"), [("name: x\n", "auditors: this key is missing"), (None, "this file is missing")]
)
def test_a_bad_file_is_one_message(tmp_path: Path, text: str | None, words: str) -> None:
    file = tmp_path / "bad.yaml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(main, ["sweep", str(file)])
    assert result.exit_code == 2
    assert result.output.startswith(f"cordelia: {file}: ")
    assert words in result.output
