"""A summary tells each organism's rates and each split's mean over organisms, and pools nothing that differs."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cordelia.cli import main
from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.rows import Row
from cordelia.scoreboard.summary import Summary, render, summarise

EXAMPLE = Path(__file__).parents[2] / "logs" / "examples" / "pocket-baseline.eval"


def rows(organism: str, found: list[float | None], split: str = "dev", control: bool = False) -> list[Row]:
    key = "false_positive" if control else "objective_found"
    return [
        Row(
            testbed="bed",
            testbed_version="1.0.0",
            organism=organism,
            split=split,
            control=control,
            epoch=epoch,
            auditor="baseline",
            outcome="target_error" if value is None else "submitted",
            answer="",
            values={"seconds": 10.0 * epoch}
            if value is None
            else {key: value, "hit@1": value, "seconds": 10.0 * epoch},
        )
        for epoch, value in enumerate(found, 1)
    ]


def test_a_cell_counts_runs_and_keeps_broken_ones_in_its_outcomes() -> None:
    summary = summarise([*rows("oak", [1, 0, 1, None]), *rows("ash", [0, 1], control=True)])
    oak, ash = summary.cells
    assert oak.found is not None
    assert (oak.found.shown, oak.found.n, oak.false_positive) == (2, 4, None), (
        "what is missing stays in the denominator"
    )
    assert oak.outcomes == {"submitted": 3, "target_error": 1}
    assert ash.false_positive is not None
    assert (ash.false_positive.shown, ash.false_positive.n, ash.found) == (1, 2, None)
    assert summary.samples == 6


def test_splits_are_never_pooled() -> None:
    summary = summarise([*rows("oak", [1, 1]), *rows("elm", [0, 0], split="test"), *rows("yew", [1, 0], split="test")])
    dev, test = summary.splits
    assert dev.found is not None and test.found is not None
    assert (dev.found.value, dev.found.low) == (1.0, None), "one organism has no interval over organisms"
    assert (test.found.value, test.found.n) == (0.25, 2)
    assert (test.found.low, test.found.high) == (None, None), "two organisms are too few"
    assert dev.costs["seconds"] == 15.0


def test_rows_of_two_auditors_are_refused() -> None:
    other = [Row(**{**row.__dict__, "auditor": "investigator"}) for row in rows("oak", [1])]
    with pytest.raises(CordeliaError, match=r"bed 1\.0\.0 baseline; bed 1\.0\.0 investigator"):
        summarise([*rows("oak", [1]), *other])
    with pytest.raises(CordeliaError, match="none"):
        summarise([])


def test_the_command_prints_the_tables_and_writes_them(tmp_path: Path) -> None:
    out = tmp_path / "made" / "floor.json"
    result = CliRunner().invoke(main, ["results", "--summary", str(EXAMPLE), "--out", str(out)])
    assert result.exit_code == 0, result.output
    summary = Summary.model_validate_json(out.read_text(encoding="utf-8"))
    assert render(summary) in result.output
    assert {cell.control for cell in summary.cells} == {True, False}
    assert [split.split for split in summary.splits] == ["dev", "test"]
    refused = CliRunner().invoke(main, ["results", str(EXAMPLE), "--out", str(out)])
    assert refused.exit_code != 0
