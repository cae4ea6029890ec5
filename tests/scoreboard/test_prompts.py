"""Audits made with other prompts are another way of auditing: neither pooled, nor compared without a word."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from frame_toys import PROMPTS, frame, runs
from submission_toys import audits_of, submit

from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.compare import compare, only, ways_of
from cordelia.scoreboard.comparison import Comparison
from cordelia.scoreboard.made import digest
from cordelia.scoreboard.submission.leaderboard import leaderboard
from cordelia.scoreboard.submission.refusals import refusals

NAMES = [f"tree{number}" for number in range(12)]
OTHERS = {"prompts/investigator.md": "cd" * 32}
BOTH = {digest(each): each for each in (PROMPTS, OTHERS)}


def half(share: float, names: Sequence[str] = NAMES, **same: object) -> list[dict[str, object]]:
    """Ten runs of each organism, found in about that share, a little apart from organism to organism."""
    return runs(
        {name: [float(run < 10 * share + place % 3 - 1) for run in range(10)] for place, name in enumerate(names)},
        **same,
    )


def one(a: pl.DataFrame, b: pl.DataFrame) -> Comparison:
    [found] = compare(a, b).comparisons
    return found


def test_prompts_of_a_side_are_not_pooled() -> None:
    later = half(0.9, content_sha256="ff", task_id="task2")
    result = compare(frame(half(0.3, content_sha256="ee")), frame([*half(0.3, content_sha256="ee"), *later]))
    assert [(each.way, each.difference.value, each.b.runs) for each in result.comparisons] == [("prompts ee", 0.0, 120)]
    assert result.left_out == ["prompts ff of bed 1.0.0 dev in B alone"]
    with pytest.raises(CordeliaError, match=r"A audits with prompts dd, and B with prompts ee \| prompts ff\. Choose"):
        compare(frame(half(0.3, content_sha256="dd")), frame([*half(0.3, content_sha256="ee"), *later]))
    two = frame([*half(0.3, content_sha256="ee"), *later])
    assert ways_of(two) == ["baseline · chat · none/none · prompts ee", "baseline · chat · none/none · prompts ff"]
    assert one(frame(half(0.3)), only(two, {"content_sha256": "ff"}, "B")).verdict == "better"


def test_prompts_that_differ_between_the_sides_are_said() -> None:
    found = one(frame(half(0.3, content_sha256="ee")), frame(half(0.8, content_sha256="ff")))
    assert (found.verdict, found.a.prompts, found.b.prompts) == ("better", "ee", "ff")
    assert found.sentence.endswith(
        "; some of Cordelia's content files (prompts, batteries, texts of tools) differ: A has ee, B has ff."
    )
    assert "prompts" not in one(frame(half(0.3)), frame(half(0.8))).sentence


def test_prompts_of_one_submission_are_told_apart(tmp_path: Path) -> None:
    first = submit(tmp_path / "first", audits_of(0.4)).folder
    later = audits_of(0.8, content_sha256=digest(OTHERS), task_id="task2")
    two = submit(tmp_path / "two", [*audits_of(0.6), *later], prompts=BOTH).folder
    board = leaderboard([first, two])
    assert board.refused == []
    assert [(each.auditor, each.runs, each.found.value) for each in board.tables[0].entries] == [  # type: ignore[union-attr]
        (f"baseline (prompts {digest(OTHERS)})", 30, 0.8),
        (f"baseline (prompts {digest(PROMPTS)})", 30, 0.6),
        ("baseline", 30, 0.4),
    ]


def test_prompts_of_some_organisms_alone_do_not_fill_gaps(tmp_path: Path) -> None:
    other = [row for row in audits_of(0.9, ["test"]) if row["organism"] == "oak"]
    rest = [row | {"task_id": "task2", "content_sha256": digest(OTHERS)} for row in audits_of(0.9, ["test"])]
    rest = [row for row in rest if row["organism"] == "yew"]
    found = refusals(submit(tmp_path / "it", [*other, *rest], prompts=BOTH))
    assert found == [
        f"baseline with chat (prompts {digest(PROMPTS)}) was not run on 1 of 1 test controls of bed: yew",
        f"baseline with chat (prompts {digest(OTHERS)}) was not run on 1 of 1 test organisms of bed: oak",
    ]
