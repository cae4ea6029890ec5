"""What a sweep expands to, in which order, and how it is shared out."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import FakeBackend

from cordelia.contracts.errors import CordeliaError
from cordelia.sweeps.cells import Cell, Part, cells_of
from cordelia.sweeps.places import Place, earlier_logs
from cordelia.sweeps.plan import finished_in
from cordelia.sweeps.running import run_sweep
from cordelia.sweeps.schema import Sweep, read_sweep

ROOT = Path(__file__).parents[2]
Small = Callable[..., Sweep]


def planned(cells: list[Cell]) -> Counter[tuple[str, str]]:
    return Counter((cell.name, organism) for cell in cells for organism in cell.organisms)


def test_the_worked_example() -> None:
    sweep = read_sweep(ROOT / "docs/examples/arms.yaml")
    cells = cells_of(sweep)
    assert [cell.affordance_set for cell in cells] == ["battery", "diff_mining", "data_search", "sae"]
    assert [cell.samples for cell in cells] == [17 * sweep.epochs] * 4
    assert all(cell.whole for cell in cells)


def test_every_combination_once(small: Small) -> None:
    auditors = [
        {"name": name, "solver": "cordelia/baseline", "model": "none", "args": {"seed": n}}
        for n, name in enumerate("ab")
    ]
    sweep = small(auditors=auditors, budgets={"low": {"target_queries": 5}, "high": {"target_queries": 50}})
    assert [cell.name for cell in cells_of(sweep)] == [
        f"{auditor}/{name}/bed/{budget}" for auditor in "ab" for name in ("talk", "push") for budget in ("low", "high")
    ]


def test_cells_of_one_server_follow_each_other(small: Small, bed: Path) -> None:
    one, two = ({"testbed": str(bed), "backend": "fake", "base": f"some/{name}"} for name in ("one", "two"))
    sweep = small(testbeds=[one | {"split": "dev"}, two, one | {"split": "test"}])
    bases = [cell.base for cell in cells_of(sweep)]
    assert bases == ["some/one"] * 4 + ["some/two"] * 2


def test_organisms_of_two_bases_make_a_cell_each(small: Small, bed: Path) -> None:
    """Else every cell would need both servers, and each would start anew for each cell."""
    spec = (bed / "testbed.yaml").read_text() + "bases: {big: {model: org/big}, tiny: {model: org/tiny}}\n"
    (bed / "testbed.yaml").write_text(spec)
    organisms = (bed / "organisms.yaml").read_text().replace("split: dev", "base: big, split: dev")
    (bed / "organisms.yaml").write_text(organisms.replace("split: test", "base: tiny, split: test"))
    cells = cells_of(small(testbeds=[{"testbed": str(bed), "backend": "fake"}]))
    assert [(cell.name, cell.organisms) for cell in cells] == [
        ("asks/talk/bed/big", ("ash", "elm")),
        ("asks/push/bed/big", ("ash", "elm")),
        ("asks/talk/bed/tiny", ("oak", "yew")),
        ("asks/push/bed/tiny", ("oak", "yew")),
    ]
    assert not any(cell.whole for cell in cells)


def test_the_same_audits_under_two_names_are_refused(small: Small) -> None:
    with pytest.raises(CordeliaError, match="'asks/a/bed' and 'asks/b/bed' are the same audits"):
        cells_of(small(affordances={"a": ["chat", "prefill"], "b": ["prefill", "chat"]}))


def test_two_entries_of_a_testbed_have_names_of_their_own(small: Small, bed: Path) -> None:
    entry = {"testbed": str(bed), "backend": "fake", "base": "some/base"}
    sweep = small(testbeds=[entry | {"split": "dev"}, entry | {"split": "test"}], affordances=["chat"])
    assert [cell.name for cell in cells_of(sweep)] == ["asks/chat/bed.1", "asks/chat/bed.2"]


def version(bed: Path, number: str) -> dict[str, str]:
    """An entry of a copy of the bed, of another version, in a folder of its own."""
    folder = bed.parent / f"v{number}" / bed.name
    shutil.copytree(bed, folder)
    spec = folder / "testbed.yaml"
    spec.write_text(spec.read_text().replace("version: 1.0.0", f"version: {number}"))
    return {"testbed": str(folder), "backend": "fake", "base": "some/base"}


def test_two_versions_of_a_testbed_have_names_of_their_own_and_run_as_two(
    small: Small, bed: Path, fake_backend: list[FakeBackend], tmp_path: Path
) -> None:
    beds = [version(bed, "1.0.0"), version(bed, "2.0.0")]
    sweep, place = small(testbeds=beds, affordances=["chat"]), Place(str(tmp_path / "logs"))
    cells = cells_of(sweep)
    assert [(cell.name, cell.version) for cell in cells] == [
        ("asks/chat/bed.1", "1.0.0"),
        ("asks/chat/bed.2", "2.0.0"),
    ]
    for _ in range(2):
        assert run_sweep(sweep, cells, place, lambda _: None, display="none") == []
    assert finished_in(earlier_logs(place, sweep, cells), cells) == {cell.name: 4 for cell in cells}
    assert sum(len(backend.requests) for backend in fake_backend) == 8


def test_copies_of_a_testbed_of_one_version_are_refused(small: Small, bed: Path) -> None:
    one, two = version(bed, "1.0.0"), {"testbed": str(bed), "backend": "fake", "base": "some/base"}
    with pytest.raises(CordeliaError, match=r"are both testbed 'bed', version 1\.0\.0, and logs") as caught:
        cells_of(small(testbeds=[one | {"split": "dev"}, two | {"split": "test"}]))
    assert one["testbed"] in str(caught.value) and two["testbed"] in str(caught.value)
    (bed.parent / "linked").symlink_to(bed, target_is_directory=True)
    linked = two | {"testbed": str(bed.parent / "linked"), "split": "test"}
    assert len(cells_of(small(testbeds=[two | {"split": "dev"}, linked], affordances=["chat"]))) == 2


def test_bases_that_end_in_the_same_name_are_called_in_full(small: Small, bed: Path) -> None:
    spec = (bed / "testbed.yaml").read_text() + "bases: {one: {model: org/chat}, two: {model: other/chat}}\n"
    (bed / "testbed.yaml").write_text(spec)
    organisms = (bed / "organisms.yaml").read_text().replace("split: dev", "base: one, split: dev")
    (bed / "organisms.yaml").write_text(organisms.replace("split: test", "base: two, split: test"))
    cells = cells_of(small(testbeds=[{"testbed": str(bed), "backend": "fake"}], affordances=["chat"]))
    assert [cell.name for cell in cells] == ["asks/chat/bed/org/chat", "asks/chat/bed/other/chat"]


def test_an_unknown_organism(small: Small, bed: Path) -> None:
    with pytest.raises(CordeliaError, match=r"no organism 'ashe' in testbed 'bed'\. Did you mean 'ash'\?"):
        cells_of(small(testbeds=[{"testbed": str(bed), "organisms": ["ashe"]}]))


@pytest.mark.parametrize("of", [1, 2, 3, 7, 20])
def test_parts_are_the_whole_and_share_nothing(of: int) -> None:
    cells = cells_of(read_sweep(ROOT / "docs/examples/arms.yaml"))
    parts = [Part(number, of).share(cells) for number in range(1, of + 1)]
    assert sum((planned(part) for part in parts), Counter()) == planned(cells)
    sizes = [sum(cell.samples for cell in part) for part in parts]
    assert max(sizes) - min(sizes) <= cells[0].epochs, "one organism"
    assert sum(len(part) for part in parts) <= len(cells) + of - 1, "each cut makes one cell more"


def test_a_part_that_is_a_whole_cell_says_so() -> None:
    cells = cells_of(read_sweep(ROOT / "docs/examples/arms.yaml"))
    assert Part(2, 4).share(cells) == [cells[1]]


def test_more_parts_than_audits_leave_some_empty(small: Small) -> None:
    cells = cells_of(small(affordances=["chat"]))
    assert [len(Part(number, 6).share(cells)) for number in range(1, 7)].count(0) == 2


@pytest.mark.parametrize("text", ["0/3", "4/3", "2", "a/b", "1/0", "-1/2", "1/2/3", "", "²/2", "1/²"])
def test_what_is_no_part(text: str) -> None:
    with pytest.raises(CordeliaError, match="--part is K/N"):
        Part.read(text)
