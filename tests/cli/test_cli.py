"""The `cordelia` command as a user types it: what it shows, and one clear line for what is wrong."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import Model
from inspect_ai.scorer import match

from cordelia import __version__
from cordelia.cli import main
from cordelia.tasks.audit import audit

CANARY = "canary-7f3a-hidden-words"
Call = tuple[str, dict[str, object]]
Scripted = Callable[[Sequence[Call]], Model]


OFFLINE = ("--grader", "offline", "--in-place")


def cordelia(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], env={"COLUMNS": "240", "NO_COLOR": "1"})


def shown(*words: str | Path) -> str:
    result = cordelia(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*words: str | Path) -> str:
    """The one line on stderr of a command that ends with code 2."""
    result = cordelia(*words)
    assert result.exit_code == 2, (result.exit_code, result.output, result.exception)
    assert result.stdout == ""
    [line] = result.stderr.strip().splitlines()
    assert line.startswith("cordelia: ")
    return line


def claims(text: str) -> list[Call]:
    hypothesis = {"claim": text, "confidence": 0.9, "evidence": ["m1"]}
    return [("chat", {"messages": ["Hello"]}), ("submit_report", {"hypotheses": [hypothesis]})]


@pytest.fixture
def logs(bed: Path) -> Path:
    return bed.parent / "some logs"


@pytest.fixture
def run(bed: Path, logs: Path, fake_backend: list[Any], scripted: Scripted) -> Callable[..., EvalLog]:
    """Audits an organism of the bed and hands in the given claim."""
    assert fake_backend == []

    def once(organism: str = "elm", claim: str = "It talks about lanterns.") -> EvalLog:
        task = audit(testbed=str(bed), organisms=organism, backend="fake", affordances="chat")
        return inspect_eval(task, model=scripted(claims(claim)), log_dir=str(logs), display="none")[0]

    return once


def somebody_elses(logs: Path) -> EvalLog:
    task = Task(dataset=[Sample(input="Hi", target="x")], scorer=match())
    return inspect_eval(task, model="mockllm/model", log_dir=str(logs), display="none")[0]


def row(output: str, name: str) -> list[str]:
    """The cells of the table's line that begins with `name`."""
    lines = [[cell.strip() for cell in line.strip("│┃ ").split("│")] for line in output.splitlines() if name in line]
    [cells] = [cells for cells in lines if cells[0] == name]
    return cells


# results


def test_results_are_a_line_a_sample(run: Callable[..., EvalLog], logs: Path) -> None:
    run("elm")
    run("oak", "It names tea.")
    run("yew")
    output = shown("results", logs)
    assert "Audits by investigator" in output
    assert row(output, "bed/elm")[1:8] == ["dev", "submitted", "yes", "yes", "·", "yes", "no"]
    assert row(output, "bed/oak")[1:8] == ["test", "submitted", "no", "no", "·", "no", "no"]
    assert row(output, "bed/yew")[1:8] == ["test", "submitted", "·", "·", "yes", "·", "·"]
    assert "It names tea." in row(output, "bed/oak")[8]
    assert f"inspect view --log-dir {logs}" in output
    assert CANARY not in output


def test_in_eighty_columns_nothing_is_cut_and_the_answers_stand_below(run: Callable[..., EvalLog], logs: Path) -> None:
    run("elm", "It talks about lanterns, at length, " + "on and on, " * 20)
    output = CliRunner().invoke(main, ["results", str(logs)], env={"COLUMNS": "80", "NO_COLOR": "1"}).output
    lines = output.splitlines()
    assert all(len(line) <= 80 or "inspect view" in line for line in lines)
    assert row(output, "bed/elm")[:3] == ["bed/elm", "dev", "submitted"]
    assert len({len(line) for line in lines if line[:1] in "┏┃┡│└"} - {0}) == 1, "the right border is there"
    assert "bed/elm  1. It talks about lanterns, at length" in output
    assert not any("…" in line for line in lines if line.startswith("│"))


def test_latest_is_the_newest_log_alone(run: Callable[..., EvalLog], logs: Path) -> None:
    run("elm")
    newest = run("oak")
    output = shown("results", logs, "--latest")
    assert "bed/oak" in output and "bed/elm" not in output
    assert shown("results", newest.location) == output


def test_a_folder_without_audits_says_how_to_make_one(logs: Path) -> None:
    logs.mkdir()
    message = f"cordelia: There is no audit in {logs}. Run one: inspect eval cordelia/audit --model none"
    assert refused("results", logs) == message
    assert refused("results", logs, "--latest") == message
    somebody_elses(logs)
    assert refused("results", logs) == message


def test_without_a_folder_the_results_are_those_of_inspects_own(
    run: Callable[..., EvalLog], logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPECT_LOG_DIR", str(logs))
    assert refused("results") == f"cordelia: There is no folder {logs}. Give the log, or the folder of logs."
    run("elm")
    assert row(shown("results"), "bed/elm")


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    result = cordelia("results", tmp_path / "none")
    assert result.exit_code == 2 and "does not exist" in result.stderr


# list


def test_list_shows_what_there_is_and_nothing_of_the_truth(bed: Path) -> None:
    output = shown("list", "--testbed", bed)
    assert row(output, "bed")[1:6] == ["1.0.0", "A bed for tests", "api", "2", "2"]
    for name, split in (("ash", "dev"), ("elm", "dev"), ("oak", "test"), ("yew", "test")):
        assert row(output, f"organism/bed/{name}")[1:3] == [split, "any chat model"]
    for name in ("chat", "blackbox", "cordelia/investigator", "cordelia/baseline", "transformers", "vllm", "model"):
        assert row(output, name)
    assert CANARY not in output
    assert "lantern" not in output
    assert "control" not in output.lower()


def test_controls_look_like_the_others(bed: Path) -> None:
    output = shown("list", "organisms", "--testbed", bed)
    assert row(output, "organism/bed/ash")[1:] == row(output, "organism/bed/elm")[1:]
    pocket = shown("list", "organisms")
    assert row(pocket, "organism/pocket/finch")[1:] == row(pocket, "organism/pocket/wren")[1:]


@pytest.mark.parametrize(
    ("kind", "title"),
    [
        ("testbeds", "Testbeds"),
        ("organisms", "Organisms"),
        ("affordances", "Affordances"),
        ("sets", "Affordance sets"),
        ("auditors", "Auditors"),
        ("backends", "Backends"),
    ],
)
def test_one_kind_alone(kind: str, title: str) -> None:
    output = shown("list", kind)
    assert output.startswith(title)
    titles = [line for line in output.splitlines() if line.rstrip() and line[0].isalpha()]
    assert titles == [titles[0]]


def test_list_of_what_is_not_there(tmp_path: Path) -> None:
    assert "There is no testbed 'poket'. Did you mean 'pocket'?" in refused("list", "--testbed", "poket")
    assert f"There is no testbed folder {tmp_path / 'none'}" in refused("list", "--testbed", tmp_path / "none")
    assert cordelia("list", "everything").exit_code == 2


# rescore


def found(path: str | Path) -> object:
    sample = (read_eval_log(str(path)).samples or [])[0]
    assert sample.scores is not None
    assert list(sample.scores) == ["verdict", "quality", "outcome", "cost"], "replaced, not added"
    return sample.scores["verdict"].value["objective_found"]  # type: ignore[index,call-overload]


def mend_truth(bed: Path) -> None:
    truth = bed / "truth.yaml"
    truth.write_text(truth.read_text(encoding="utf-8").replace("all: [lantern]", "all: [tea]"), encoding="utf-8")


def test_a_log_is_rescored_in_place(run: Callable[..., EvalLog], bed: Path, logs: Path) -> None:
    log = run("elm", "It names tea.")
    assert found(log.location) == 0
    mend_truth(bed)
    output = shown("rescore", logs, "--grader", "offline", "--in-place")
    assert f"rescored: {log.location}" in output
    assert found(log.location) == 1
    assert len(list(logs.iterdir())) == 1


def test_rescored_logs_go_to_another_folder(run: Callable[..., EvalLog], bed: Path, logs: Path, tmp_path: Path) -> None:
    log = run("elm", "It names tea.")
    mend_truth(bed)
    out = tmp_path / "new" / "logs"
    assert "rescored: " in shown("rescore", log.location, "--grader", "offline", "--out", out)
    assert found(log.location) == 0, "the old log is as it was"
    assert found(out / Path(log.location).name) == 1


def test_what_is_no_audit_is_passed_over(run: Callable[..., EvalLog], logs: Path) -> None:
    other = somebody_elses(logs)
    before = Path(other.location).read_bytes()
    log = run("elm")
    output = shown("rescore", logs, "--grader", "offline", "--in-place")
    assert f"passed over, no audited samples: {other.location}" in output
    assert f"rescored: {log.location}" in output
    assert Path(other.location).read_bytes() == before


def test_nothing_to_rescore(logs: Path) -> None:
    logs.mkdir()
    assert f"There is no audit in {logs}." in refused("rescore", logs, *OFFLINE)
    other = somebody_elses(logs)
    result = cordelia("rescore", other.location, *OFFLINE)
    assert result.exit_code == 2
    assert "There is no audit in" in result.stderr


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--grader", "oracle"], "oracle"),
        ([], "Say which grader"),
        (["--grader", "model", "--in-place"], "Say which grader"),
        (["--grader", "offline"], "Say where the rescored logs go"),
        ([*OFFLINE, "--threshold", "9"], "threshold=9: grades run from 1 to 5"),
        (["--model", "nobody/x", "--in-place"], "--model: "),
    ],
)
def test_a_wrong_grader_leaves_the_log_alone(run: Callable[..., EvalLog], options: list[str], says: str) -> None:
    log = run("elm")
    before = Path(log.location).read_bytes()
    assert says in refused("rescore", log.location, *options)
    assert Path(log.location).read_bytes() == before


# training


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["corpus", "wren"], "'wren' is not an organism; write <testbed>/<name>, such as pocket/wren."),
        (["train", "wren"], "'wren' is not an organism"),
        (["corpus", "pocket/wrenn"], "There is no organism 'wrenn' in testbed 'pocket'. Did you mean 'wren'?"),
        (["train", "pocket/wrenn"], "There is no organism 'wrenn' in testbed 'pocket'. Did you mean 'wren'?"),
        (["train", "poket/wren"], "There is no testbed 'poket'. Did you mean 'pocket'?"),
        (["check", "poket"], "There is no testbed 'poket'. Did you mean 'pocket'?"),
        (["fetch", "poket"], "There is no testbed 'poket'. Did you mean 'pocket'?"),
    ],
)
def test_a_wrong_name_is_one_clear_line(words: list[str], says: str) -> None:
    assert says in refused(*words)


@pytest.mark.parametrize("command", ["corpus", "train"])
def test_an_organism_that_cannot_be_trained_says_why(bed: Path, command: str) -> None:
    assert "elm" in refused(command, f"{bed}/elm")


def test_a_testbed_that_is_broken_names_the_file(bed: Path) -> None:
    (bed / "organisms.yaml").write_text("organisms: {elm: {split: dev, contro: true}}\n", encoding="utf-8")
    line = refused("list", "--testbed", bed)
    assert f"{bed}/organisms.yaml: organisms.elm.contro: unknown key" in line


def test_the_version_is_said() -> None:
    assert shown("--version") == f"cordelia, version {__version__}\n"


def test_the_command_is_installed() -> None:
    assert shutil.which("cordelia") or Path(__import__("sys").executable).with_name("cordelia").is_file()
