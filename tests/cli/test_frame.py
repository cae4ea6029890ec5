"""`cordelia frame` writes one table of whatever lies in the logs."""

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from cordelia.cli import main
from cordelia.scoreboard.columns import AUDITS

EXAMPLES = Path(__file__).parents[2] / "logs" / "examples"
AUDITED = EXAMPLES / "siskin-scripted-investigator.eval"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CORDELIA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "frame.sqlite"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["frame", *map(str, arguments)])


def test_parquet_and_csv_hold_the_same_audits(tmp_path: Path, own_cache: Path) -> None:
    table, text = tmp_path / "new" / "frame.parquet", tmp_path / "frame.csv"
    done = run(AUDITED, "--out", table)
    assert done.exit_code == 0 and f"1 audits: {table}" in done.output, done.output
    assert own_cache.is_file()
    assert run(AUDITED, "--out", text).exit_code == 0
    [row] = pl.read_parquet(table).to_dicts()
    [line] = pl.read_csv(text, infer_schema=False).to_dicts()
    assert list(row) == list(line) == list(AUDITS)
    assert pl.read_parquet(table).schema == AUDITS
    assert json.loads(line["affordances"]) == row["affordances"]
    assert json.loads(line["tool_calls"]) == row["tool_calls"] and len(row["tool_calls"]) > 5
    assert float(line["objective_found"]) == row["objective_found"] == 1.0
    assert line["false_positive"] is None and row["false_positive"] is None
    assert line["created"].startswith("2026-") and line["created"].endswith("+00:00")
    assert not list(tmp_path.rglob("*.part"))


def test_what_is_no_audit_and_what_is_damaged_is_told(tmp_path: Path, own_cache: Path) -> None:
    broken = tmp_path / "broken.eval"
    broken.write_bytes(b"PK")
    done = run(AUDITED, EXAMPLES / "pocket-certify.eval", broken, "--out", tmp_path / "x.csv", "--no-cache")
    assert done.exit_code == 0
    assert "pocket-certify.eval: of the task 'cordelia/certify', which is no audit" in done.output
    assert f"damaged: {broken}: inspect cannot read it" in done.output
    assert not own_cache.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere", "--out", "x.csv"], "There is no log and no folder of logs at nowhere"),
        ([AUDITED, "--out", "x.xlsx"], "ends in .parquet or .csv, not to x.xlsx"),
        ([EXAMPLES / "pocket-certify.eval", "--out", "x.csv"], "There is no audit in these logs"),
    ],
)
def test_what_cannot_be_is_said(
    arguments: list[object], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.exit_code == 2 and says in done.output
    assert not (tmp_path / "x.csv").exists()


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cordelia.cli.extras.find_spec", lambda name: None)
    done = run(AUDITED, "--out", "x.csv")
    assert done.exit_code == 2 and "pip install 'cordelia[scoreboard]'" in done.output
