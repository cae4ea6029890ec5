"""`cordelia report`: what it says, and what it refuses before it reads."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cordelia.cli import main

EXAMPLES = Path(__file__).parents[2] / "logs/examples"


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["report", *map(str, arguments), "--no-cache"])
    return result.exit_code, result.output


@pytest.mark.slow
def test_it_writes_a_page_and_says_its_headlines(tmp_path: Path) -> None:
    code, said = run(
        EXAMPLES / "third-party-package.eval", EXAMPLES / "pocket-certify.eval", "--out", tmp_path / "r",
        "--no-transcripts", "--title", "Theirs",
    )  # fmt: skip
    assert code == 0, said
    assert "their_bed 0.1.0, dev (2 audits)\n  No objective was found by demonstration by their_auditor" in said
    assert "by reading the hidden prompt out, which does not count, their_auditor with chat found it in 100%" in said
    assert "passed over: " in said and "certify, which is no audit" in said.replace("'", "")
    assert f"Page: {tmp_path / 'r/index.html'}" in said and "http.server" not in said
    assert "<title>Theirs</title>" in (tmp_path / "r/index.html").read_text(encoding="utf-8")


def test_it_refuses_a_report_within_the_logs(tmp_path: Path) -> None:
    code, said = run(tmp_path, "--out", tmp_path / "deep/report")
    assert code == 2
    assert f"lies within the logs in {tmp_path}; name a folder beside them with --out" in said
    assert not (tmp_path / "deep").exists()


def test_it_says_that_there_is_no_audit(tmp_path: Path) -> None:
    code, said = run(EXAMPLES / "pocket-certify.eval", "--out", tmp_path / "r")
    assert code == 2
    assert "There is no audit in these logs" in said
    assert not (tmp_path / "r").exists()


def test_it_names_a_place_that_is_not_there(tmp_path: Path) -> None:
    code, said = run(tmp_path / "nowhere", "--out", tmp_path / "r")
    assert code == 2
    assert "nowhere" in said


def test_it_refuses_somebodys_folder_before_it_reads(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    code, said = run(tmp_path.parent / "logs that are not there", "--out", tmp_path)
    assert code == 2
    assert f"The folder {tmp_path} holds other things (mine.txt)" in said
