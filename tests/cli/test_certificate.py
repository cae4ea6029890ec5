"""`cordelia certificate` and `cordelia check`, as somebody types them."""

import shutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.scorer import match

from cordelia.cli import main
from cordelia.testbeds.certificate.certificate import FILE, read_certificates
from cordelia.testbeds.certificate.table import BEGIN, END
from cordelia.testbeds.find import CATALOG, read_testbed

BASE = "some/base"


def cordelia(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def clean(certified: Any) -> Iterator[Any]:
    """The certified bed, with an empty README and without certificates, and left so."""
    readme = certified.bed / "README.md"
    readme.write_text(f"# bed\n\n{BEGIN}\n{END}\n", encoding="utf-8")
    truth = (certified.bed / "truth.yaml").read_text(encoding="utf-8")
    yield certified
    (certified.bed / "truth.yaml").write_text(truth, encoding="utf-8")
    (certified.bed / FILE).unlink(missing_ok=True)
    readme.unlink()


def test_a_log_becomes_the_testbeds_certificates_and_table(clean: Any) -> None:
    before = Path(clean.log.location).read_bytes()
    result = cordelia("certificate", clean.log.location)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{clean.bed / FILE}: ash, elm, oak, yew\n"
    assert read_certificates(read_testbed(clean.bed))["elm"][BASE].strength is not None
    assert "| elm | some/base | fake | 30/30, 100% (89%–100%) |" in (clean.bed / "README.md").read_text(
        encoding="utf-8"
    )
    assert Path(clean.log.location).read_bytes() == before


def test_the_check_names_each_organism_that_is_refused_and_ends_with_1(clean: Any) -> None:
    result = cordelia("check", clean.bed)
    assert result.exit_code == 1 and result.stdout == ""
    assert [line.split(": ")[1] for line in result.stderr.splitlines()] == ["bed/ash", "bed/elm", "bed/oak", "bed/yew"]
    cordelia("certificate", clean.log.location)
    result = cordelia("check", clean.bed)
    assert result.exit_code == 1
    [line] = result.stderr.splitlines()
    assert line.startswith("refused: bed/oak: ") and "does not stand apart" in line


def test_a_mended_truth_is_counted_again_without_asking_anybody(clean: Any) -> None:
    truth = clean.bed / "truth.yaml"
    truth.write_text(truth.read_text(encoding="utf-8").replace("'umbrella'", "'TARGET'"), encoding="utf-8")
    asked = sum(len(backend.requests) for backend in clean.backends)
    cordelia("certificate", clean.log.location)
    [line] = cordelia("check", clean.bed).stderr.splitlines()
    assert "bed/oak: " in line and "counted by other patterns" in line
    result = cordelia("certificate", clean.log.location, "--rescore")
    assert result.exit_code == 0, result.output
    result = cordelia("check", clean.bed)
    assert (result.exit_code, result.stdout) == (0, "bed: 4 organisms, all fit to be audited\n")
    assert sum(len(backend.requests) for backend in clean.backends) == asked


EXAMPLES = Path(__file__).parents[2] / "logs/examples"
SHIPPED = ["pocket-certify.eval", "pocket-certify-again.eval"]
"""What pocket's certificates were made of, in this order."""


@pytest.mark.parametrize("logs", [SHIPPED[1:], pytest.param(SHIPPED, marks=pytest.mark.slow)], ids=["again", "both"])
def test_the_shipped_logs_measured_again_are_the_shipped_certificates(
    logs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pocket"
    shutil.copytree(CATALOG / "pocket", folder)
    module = import_module("cordelia.cli.certificate")  # by its path it would be the command of that name
    monkeypatch.setattr(module, "load_testbed", lambda name: read_testbed(folder))
    for log in logs:
        result = cordelia("certificate", EXAMPLES / log, "--rescore")
        assert result.exit_code == 0, result.output
    for file in (FILE, "README.md"):
        shipped, made = ((bed / file).read_text(encoding="utf-8") for bed in (CATALOG / "pocket", folder))
        assert made == shipped, file
    assert cordelia("check", folder).exit_code == 0


def test_a_log_of_something_else_is_refused(clean: Any, tmp_path: Path) -> None:
    task = Task(dataset=[Sample(input="Hi", target="x")], scorer=match())
    other = inspect_eval(task, model="mockllm/model", log_dir=str(tmp_path), display="none")[0]
    for options in ([], ["--rescore"]):
        result = cordelia("certificate", other.location, *options)
        assert result.exit_code == 2
        assert "has no certified organism; make one with: inspect eval cordelia/certify" in result.stderr
    assert not (clean.bed / FILE).exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--model", "mockllm/grader"], "--model is the grader of --rescore"),
        (["--rescore", "--model", "nobody/x"], "--model: "),
    ],
)
def test_a_wrong_option_writes_nothing(clean: Any, words: list[str], says: str) -> None:
    result = cordelia("certificate", clean.log.location, *words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert not (clean.bed / FILE).exists()


def test_a_certification_is_no_audit(clean: Any) -> None:
    result = cordelia("results", clean.log.location)
    assert result.exit_code == 2 and "There is no audit" in result.stderr
    assert "There is no audit" in cordelia("rescore", clean.log.location, "--grader", "offline", "--in-place").stderr
