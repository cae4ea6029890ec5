"""Labelled reports: what is refused, what ships, and the statistics of agreement."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from labelled_toys import (
    reports_of_dev,
    reports_of_test,
    write,
)

from cordelia.contracts.errors import ContentError, CordeliaError
from cordelia.contracts.kappa import Kappa, kappa
from cordelia.scorers.grading import OfflineGrader
from cordelia.scorers.labelled.check import read_all
from cordelia.scorers.labelled.read import mixed, read_labelled
from cordelia.scorers.labelled.render import markdown
from cordelia.scorers.labelled.result import offline_check
from cordelia.scorers.labelled.schema import Attack, Kind
from cordelia.tasks.grade_check import grade_check

# bad data


def _set(key: str, value: object) -> Callable[[dict[str, Any], Path], None]:
    def change(reports: dict[str, Any], bed: Path) -> None:
        at = reports["d-hit"]
        *path, last = key.split(".")
        for part in path:
            at = at[part]
        at[last] = str(value).replace("BED", str(bed)) if isinstance(value, str) else value

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_set("label.grades", [5, 5]), "label.grades has 2 entries for 1 hypotheses"),
        (_set("label.objective", []), "label.objective has 0 entries for 1 hypotheses"),
        (_set("label.grades", [6]), "label.grades.0: "),
        (_set("label.grades", ["5"]), "reports.d-hit.label.grades.0: "),
        (_set("label.grades", [3]), "objective is true under a grade below 4"),
        (_set("kind", "near_miss"), "kind is near_miss, and the best label is 5"),
        (_set("kind", "miss"), "'hit', 'near_miss', 'vague'"),
        (_set("kind", "injection"), "'attack' (command, forged_fence, fake_tool_call) belongs to kind: injection"),
        (_set("attack", "command"), "belongs to kind: injection, and to no other kind"),
        (_set("organism", "BED/wren"), "is of the split test; this file is dev's"),
        (_set("organism", "BED/plain"), "is a control"),
        (_set("organism", "BED/wrenn"), "There is no organism 'wrenn' in testbed 'toy'. Did you mean 'wren'?"),
        (_set("organism", "poket/wren"), "There is no testbed 'poket'. Did you mean 'pocket'?"),
        (_set("organism", "finch"), "organism: 'finch' is not an organism; write <testbed>/<name>"),
        (_set("messages", {"m1": {"prompt": "x", "text": "y"}}), "no hypothesis cites m1"),
        (
            _set("messages", {"r1": {"prompt": "x", "text": "y"}}),
            "messages.r1: 'r1' is not the id of a reply",
        ),
        (_set("note", "x"), "reports.d-hit.note: unknown key. Known keys: attack, kind, label"),
        (_set("report.nothing_hidden", True), "Either nothing_hidden is true"),
    ],
)
def test_bad_data_is_one_clear_error(
    bed: Path, tmp_path: Path, change: Callable[[dict[str, Any], Path], None], says: str
) -> None:
    reports = reports_of_dev(bed)
    change(reports, bed)
    folder = write(tmp_path / "bad", reports, reports_of_test(bed))
    with pytest.raises(ContentError) as caught:
        read_labelled(folder)
    assert says in str(caught.value)
    assert f"{folder}/dev.yaml: reports.d-hit" in str(caught.value)


def test_an_id_is_given_once(bed: Path, labelled: Path) -> None:
    write(labelled, reports_of_dev(bed), {"d-hit": reports_of_test(bed)["t-hit"]})
    with pytest.raises(ContentError, match=r"test.yaml: d-hit: this id stands in the other split's file too"):
        read_labelled(labelled)
    (labelled / "test.yaml").write_text("canary: c\nreports:\n  t: {}\n  t: {}\n", encoding="utf-8")
    with pytest.raises(ContentError, match="the key 't' stands twice"):
        read_labelled(labelled)


def test_a_missing_file_is_named(labelled: Path) -> None:
    (labelled / "test.yaml").unlink()
    with pytest.raises(ContentError, match=r"test.yaml: this file is missing"):
        read_labelled(labelled)


def test_a_wrong_split_is_refused(labelled: Path) -> None:
    with pytest.raises(CordeliaError, match="There is no split 'train'"):
        grade_check(reports=str(labelled), split="train")


def test_the_first_few_are_a_sample_of_all(labelled: Path) -> None:
    order = [id_ for _, id_, _ in mixed(read_labelled(labelled))]
    assert order[:6] == ["d-hit", "t-hit", "d-near", "t-wrong", "d-empty", "d-order"]
    assert sorted(order) == sorted([*reports_of_dev(labelled), *reports_of_test(labelled)])


# statistics


def pairs(table: Sequence[Sequence[int]]) -> list[list[tuple[int, int]]]:
    """A confusion matrix as reports of one pair each."""
    return [
        [(row, column)] for row, cells in enumerate(table) for column, count in enumerate(cells) for _ in range(count)
    ]


def test_kappa_by_hand() -> None:
    # observed 35/50 = 0.7; expected (25·30 + 25·20)/50² = 0.5; (0.7 − 0.5)/(1 − 0.5)
    found = kappa(pairs([[20, 5], [10, 15]]), 2)
    assert found.value == pytest.approx(0.4)
    assert found.n == 50
    assert found.low is not None and found.high is not None
    assert 0.1 < found.low < 0.4 < found.high < 0.7


def test_quadratic_kappa_by_hand() -> None:
    # rows sum to 3, 3, 4 and columns to 3, 4, 3; a pair costs 0, 1 or 4 by its distance
    # observed: three pairs at distance 1 = 3; expected: (12 + 4·9 + 9 + 9 + 4·12 + 16)/10 = 13
    found = kappa(pairs([[2, 1, 0], [1, 2, 0], [0, 1, 3]]), 3, quadratic=True)
    assert found.value == pytest.approx(1 - 3 / 13, abs=1e-4)


def test_kappa_is_undefined_where_nothing_varies() -> None:
    assert kappa(pairs([[5, 0], [0, 0]]), 2) == Kappa(value=None, low=None, high=None, n=5)
    assert kappa([], 2).value is None


def test_the_interval_is_the_same_every_time_and_wider_for_whole_reports() -> None:
    loose = pairs([[20, 5], [10, 15]])
    assert kappa(loose, 2) == kappa(loose, 2)
    together = [[pair for [pair] in loose[start::5]] for start in range(5)]
    assert kappa(together, 2).value == kappa(loose, 2).value
    alike = [report * 10 for report in loose[::10]]
    one_each = [[pair] for report in alike for pair in report]
    clustered, spread = kappa(alike, 2), kappa(one_each, 2)
    assert clustered.value == spread.value
    assert clustered.high - clustered.low > spread.high - spread.low  # type: ignore[operator]


# the reports that ship


def test_the_shipped_reports_are_enough() -> None:
    sets = read_labelled()
    reports = [each for found in sets.values() for each in found.reports.values()]
    assert len(reports) >= 120
    assert sum(each.kind is Kind.INJECTION for each in reports) >= 30
    for split, found in sets.items():
        assert {each.kind for each in found.reports.values()} == set(Kind), split
        assert {each.attack for each in found.reports.values()} - {None} == set(Attack), split


def test_offline_figures_of_the_shipped_reports_are_the_same_every_time() -> None:
    first = offline_check()
    assert first.failures == {}
    assert asyncio.run(read_all(OfflineGrader(), read_labelled())) == asyncio.run(
        read_all(OfflineGrader(), read_labelled())
    )
    assert markdown(first) == markdown(offline_check())
