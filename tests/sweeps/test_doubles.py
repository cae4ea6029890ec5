"""Auditors, entries and models that could be taken for each other, or for what they are not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from inspect_ai.log import list_eval_logs, read_eval_log
from tests.conftest import FakeBackend

from cordelia.cli import main
from cordelia.contracts.errors import ContentError, CordeliaError
from cordelia.scoreboard.reading import read_frame
from cordelia.scoreboard.ways import told_apart
from cordelia.sweeps.cells import cells_of
from cordelia.sweeps.places import Place, earlier_logs
from cordelia.sweeps.providers import check_models
from cordelia.sweeps.running import run_sweep
from cordelia.sweeps.schema import read_sweep

AUDITOR = """
from inspect_ai.solver import solver
from cordelia.solvers.submit import hand_in


@solver
def mine(extra: int = 0):
    async def solve(state, generate):
        hand_in({"hypotheses": [], "nothing_hidden": True})
        return state

    return solve
"""
ONE, TWO = ({"name": name, "solver": f"{name}/aud.py@mine", "model": "none"} for name in ("first", "second"))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two files with an auditor of one name."""
    found = [tmp_path / name / "aud.py" for name in ("first", "second")]
    for place, file in enumerate(found):
        file.parent.mkdir()
        file.write_text(AUDITOR + f"# {place}\n", encoding="utf-8")
    return found


def run(file: Path, logs: Path) -> None:
    sweep = read_sweep(file)
    assert run_sweep(sweep, cells_of(sweep), Place(str(logs)), lambda _: None, display="none") == []


@pytest.mark.usefixtures("files")
def test_two_files_with_one_name_run_as_two_and_are_told_apart(
    write: Callable[..., Path], fake_backend: list[FakeBackend], tmp_path: Path
) -> None:
    assert fake_backend == []
    run(write(auditors=[ONE, TWO], affordances=["chat"]), tmp_path / "logs")
    logs = [read_eval_log(info, header_only=True) for info in list_eval_logs(str(tmp_path / "logs"))]
    assert sorted(log.plan.steps[-1].solver for log in logs) == ["first/aud.py@mine", "second/aud.py@mine"]
    audits = read_frame([tmp_path / "logs"]).audits
    assert set(audits["auditor"]) == {"mine"}
    assert audits.select("solver", "auditor_name").unique().sort("solver").rows() == [
        ("first/aud.py@mine", "first"),
        ("second/aud.py@mine", "second"),
    ]
    assert audits["solver_sha256"].n_unique() == 2 and all(map(len, audits["solver_sha256"]))
    named = told_apart(audits)["auditor"].value_counts().sort("auditor").rows()
    assert named == [("mine (first/aud.py@mine)", 4), ("mine (second/aud.py@mine)", 4)]


def test_an_exchanged_or_edited_file_is_a_changed_cell(
    write: Callable[..., Path], files: list[Path], fake_backend: list[FakeBackend], tmp_path: Path
) -> None:
    assert fake_backend == []
    logs, keys = tmp_path / "logs", {"affordances": ["chat"]}
    run(write(auditors=[ONE], **keys), logs)

    def begun(file: Path) -> int:
        sweep = read_sweep(file)
        return len(earlier_logs(Place(str(logs)), sweep, cells_of(sweep)))

    assert begun(write(auditors=[ONE], **keys)) == 1
    assert begun(write(auditors=[ONE | {"solver": "./second/../first/aud.py@mine"}], **keys)) == 1
    with pytest.raises(CordeliaError, match="that is not what it was"):
        begun(write(auditors=[ONE | {"solver": TWO["solver"]}], **keys))
    files[0].write_text(AUDITOR + "# other\n", encoding="utf-8")
    with pytest.raises(CordeliaError, match="that is not what it was"):
        begun(write(auditors=[ONE], **keys))


def test_a_tool_that_was_edited_is_a_changed_cell(
    write: Callable[..., Path], fake_backend: list[FakeBackend], tmp_path: Path
) -> None:
    from cordelia.sweeps.building import digest

    assert fake_backend == []
    tool = tmp_path / "tools.py"
    tool.write_text("# one", encoding="utf-8")
    sweep = read_sweep(write(affordances={"own": {"affordances": ["chat"], "tools": ["tools.py@look"]}}))
    [cell] = cells_of(sweep)
    before = digest(sweep, cell)
    assert digest(sweep, cell) == before
    tool.write_text("# two", encoding="utf-8")
    assert digest(sweep, cell) != before


@pytest.mark.parametrize(
    "second",
    [
        {"generate": {"max_retries": 3}},
        {"model_roles": {"helper": "mockllm/helper"}},
    ],
)
def test_what_inspect_cannot_tell_apart_is_refused_with_the_plan(
    write: Callable[..., Path], second: dict[str, object]
) -> None:
    both = [{"name": "a", "model": "mockllm/a"}, {"name": "b", "model": "mockllm/a"} | second]
    with pytest.raises(CordeliaError, match="'a/chat/bed' and 'b/chat/bed' are the same audits"):
        cells_of(read_sweep(write(auditors=both, affordances=["chat"], model_roles={"helper": "mockllm/helper"})))


def test_entries_that_overlap_are_refused(write: Callable[..., Path], bed: Path) -> None:
    entry = {"testbed": str(bed), "backend": "fake", "base": "some/base"}
    sweep = read_sweep(write(testbeds=[entry, entry | {"split": "dev"}], affordances=["chat"]))
    with pytest.raises(CordeliaError, match=r"'asks/chat/bed\.1' and 'asks/chat/bed\.2' would audit ash, elm twice"):
        cells_of(sweep)
    other = read_sweep(write(testbeds=[entry, entry | {"split": "dev", "base": "other/base"}], affordances=["chat"]))
    assert len(cells_of(other)) == 2


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"auditors": [{"name": "a", "model": "nosuch/model"}]}, "auditors.0.model"),
        ({"auditors": [{"name": "a", "model": "gpt-4o"}]}, "auditors.0.model"),
        ({"model_roles": {"grader": ["mockllm/a", "nosuch/b"]}}, "model_roles.grader"),
        (
            {"auditors": [{"name": "a", "model": "none", "model_roles": {"helper": "x"}}]},
            "auditors.0.model_roles.helper",
        ),
    ],
)
def test_a_model_that_nobody_provides_is_told_with_the_plan(
    write: Callable[..., Path], tmp_path: Path, keys: dict[str, object], key: str
) -> None:
    file = write(**keys)
    with pytest.raises(ContentError, match="the provider of") as caught:
        check_models(read_sweep(file), file)
    assert caught.value.key == key
    result = CliRunner().invoke(main, ["sweep", str(file), "--plan", "--logs", str(tmp_path / "logs")])
    assert result.exit_code == 2 and key in result.output


def test_models_that_somebody_provides(write: Callable[..., Path]) -> None:
    """A package's, by its last name; one that lacks its key or its package; and no model."""
    names = ("organism/pocket/wren", "openai/gpt-4o", "groq/x", "hf/mine", "mockllm/model", "none")
    file = write(auditors=[{"name": f"a{number}", "model": name} for number, name in enumerate(names)])
    check_models(read_sweep(file), file)
