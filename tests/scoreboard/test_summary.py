"""A summary tells each organism's rates and each split's mean over organisms, and pools nothing that differs."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from inspect_ai.log import EvalLog
from log_toys import write_log

from cordelia.cli import main
from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.audits import read_rows
from cordelia.scoreboard.kinds import kinds_of
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


def given(name: str, threshold: int = 4, grader: str = "offline", **arguments: object) -> Callable[[EvalLog], None]:
    """A log of another affordance set, threshold, grader, or arguments of the auditor."""

    def change(log: EvalLog) -> None:
        log.eval.metadata = (log.eval.metadata or {}) | {"affordance_set": name, "affordances": [name]}
        log.plan.steps[-1].params |= arguments
        for sample in log.samples or []:
            assert sample.scores
            about = sample.scores["verdict"].metadata or {}
            sample.scores["verdict"].metadata = about | {"threshold": threshold, "grader": grader}

    return change


@pytest.fixture
def unlike(tmp_path: Path) -> Path:
    """Five logs: of one set three times, once graded otherwise and once with other arguments, and of two more sets."""
    changes = (given("sae"), given("sae", threshold=5), given("sae", seed=7), given("data_search"), given("battery"))
    for number, change in enumerate(changes):
        write_log(tmp_path / "logs", f"T{number}", "siskin,wren", change)
    return tmp_path / "logs"


def test_audits_that_were_not_made_or_graded_alike_are_summaries_of_their_own(unlike: Path) -> None:
    rows = read_rows(unlike)
    kinds = kinds_of(rows)
    assert len(kinds) == 5 and all(len(held) == 2 for held in kinds.values())
    assert {kind.affordance_set for kind in kinds} == {"sae", "data_search", "battery"}
    assert len({kind.auditor for kind in kinds if kind.affordance_set == "sae"}) == 3
    for kind, held in kinds.items():
        assert summarise(held).affordance_set == kind.affordance_set
    with pytest.raises(CordeliaError, match="one testbed, version, auditor, affordance set, grader and threshold"):
        summarise(rows)


def test_alike_audits_are_one_summary_whether_or_not_all_have_a_score(tmp_path: Path) -> None:
    def breaks(log: EvalLog) -> None:
        for sample in (log.samples or [])[:1]:
            sample.scores = {}

    write_log(tmp_path, "T1", "siskin,wren", breaks)
    write_log(tmp_path, "T2", "linnet")
    (held,) = kinds_of(read_rows(tmp_path)).values()
    assert summarise(held).samples == 3


def test_the_command_tells_sets_apart_and_writes_one_summary_alone(unlike: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["results", "--summary", str(unlike)])
    assert result.exit_code == 0, result.output
    assert result.output.count("| split | organism |") == 5
    assert " with data_search\n\n| split |" in result.output and " with battery\n\n" in result.output
    out = tmp_path / "all.json"
    refused = CliRunner().invoke(main, ["results", "--summary", str(unlike), "--out", str(out)])
    assert refused.exit_code == 2 and not out.exists()
    assert (
        "--out writes one summary, and these audits make 5: " in refused.output and "cordelia report" in refused.output
    )


def test_a_line_a_sample_says_its_set_where_there_are_several(unlike: Path) -> None:
    def lines(place: Path, width: int) -> list[str]:
        done = CliRunner().invoke(main, ["results", str(place)], env={"COLUMNS": str(width), "NO_COLOR": "1"})
        return done.output.splitlines()

    assert sum("│ data_search │" in line for line in lines(unlike, 250)) == 2
    narrow = lines(unlike, 80)
    assert all(len(line) <= 80 for line in narrow if line and line[0] in "┏┃┡│└")
    assert sum("│ dat…rch │" in line and line.endswith("│") for line in narrow) == 2
    assert any(line.startswith("pocket/siskin  data_search") for line in narrow)
    one = next(unlike.glob("*ET4.eval"))
    assert not any("│ battery │" in line for line in lines(one, 250)), "a single set needs no column"


def test_long_sets_that_differ_at_their_end_are_told_apart_and_stand_together(tmp_path: Path) -> None:
    for name, also in (("T1", ""), ("T2", ",sae")):
        write_log(tmp_path, name, "siskin,wren", given(f"chat,prefill,logit_lens{also}"))
    done = CliRunner().invoke(main, ["results", str(tmp_path)], env={"COLUMNS": "250", "NO_COLOR": "1"})
    sets = [line.split("│")[3].strip() for line in done.output.splitlines() if line.startswith("│ pocket/siskin")]
    assert sets == ["chat,prefi…ogit_lens", "chat,prefi…_lens,sae"]


def test_arguments_that_are_written_otherwise_and_read_alike_are_one_summary(tmp_path: Path) -> None:
    write_log(tmp_path, "T1", "siskin,wren", given("sae", arms="sae"))
    write_log(tmp_path, "T2", "siskin,wren", given("sae", arms=["sae"]))
    (held,) = kinds_of(read_rows(tmp_path)).values()
    assert summarise(held).samples == 4


def test_of_hidden_prompts_demonstration_is_told_first() -> None:
    shown = rows("oak", [1, 1, None])
    for row, value in zip(shown, (1.0, 0.0, None), strict=True):
        if value is not None:
            row.values["by_demonstration"] = value
    summary = summarise([*shown, *rows("elm", [None]), *rows("ash", [0], control=True)])
    told = {cell.organism: cell.by_demonstration for cell in summary.cells}
    assert told["oak"] is not None and (told["oak"].shown, told["oak"].n) == (1, 3)
    assert told["elm"] is not None and (told["elm"].shown, told["elm"].n, told["ash"]) == (0, 1, None)
    (dev,) = summary.splits
    assert dev.by_demonstration is not None and dev.by_demonstration.value == 0.1667
    text = render(summary)
    assert "| runs | by demonstration | objective found | hit@1 |" in text
    lines = [line.count("|") for line in text.splitlines() if line]
    assert lines[:5] == [9] * 5 and lines[5:] == [7] * 3, "headers and rows have as many cells"
    assert "demonstration" not in render(summarise(rows("oak", [1])))
