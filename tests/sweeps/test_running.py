"""Sweeps that run: what was planned is in the logs, what is finished stays so, what fails is told and mended later."""

import shutil
from collections import Counter
from collections.abc import Callable
from contextvars import copy_context
from pathlib import Path

import pytest
from inspect_ai.log import EvalLog, list_eval_logs, read_eval_log
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.model._model import init_active_model
from tests.conftest import FakeBackend

from cordelia.contracts.errors import CordeliaError
from cordelia.sweeps.cells import Part, cells_of
from cordelia.sweeps.places import Place, earlier_logs
from cordelia.sweeps.plan import finished_in
from cordelia.sweeps.running import LeftOver, run_sweep
from cordelia.sweeps.schema import Sweep

Small = Callable[..., Sweep]


def play(sweep: Sweep, logs: Path, said: list[str] | None = None) -> list[LeftOver]:
    cells = cells_of(sweep)
    place = Place(str(logs))
    finished = finished_in(earlier_logs(place, sweep, cells), cells)
    done = {cell.name for cell in cells if finished.get(cell.name) == cell.samples}
    return run_sweep(sweep, cells, place, (said if said is not None else []).append, done, display="none")


def logs_in(folder: Path) -> list[EvalLog]:
    return [read_eval_log(info) for info in list_eval_logs(str(folder))]


def audits(folder: Path) -> Counter[tuple[str, str, int]]:
    """Cell, organism and epoch of what the logs hold."""
    return Counter(
        (str((log.eval.metadata or {})["cell"]), str(sample.id), sample.epoch)
        for log in logs_in(folder)
        for sample in log.samples or []
        if not sample.error
    )


def planned(sweep: Sweep) -> Counter[tuple[str, str, int]]:
    return Counter(
        (cell.name, organism, epoch)
        for cell in cells_of(sweep)
        for organism in cell.organisms
        for epoch in range(1, sweep.epochs + 1)
    )


def asked(backends: list[FakeBackend]) -> int:
    return sum(len(backend.requests) for backend in backends)


def test_what_is_planned_runs_once_and_only_what_is_new_after_that(
    small: Small, fake_backend: list[FakeBackend], tmp_path: Path
) -> None:
    logs, said = tmp_path / "logs", list[str]()
    sweep = small()
    assert play(sweep, logs, said) == []
    assert audits(logs) == planned(sweep)
    assert asked(fake_backend) == 8
    assert said == ["cell 1 of 2: asks/talk/bed, 4 samples", "cell 2 of 2: asks/push/bed, 4 samples"]

    assert play(sweep, logs, said) == []
    assert len(said) == 2
    assert asked(fake_backend) == 8, "a sweep that is done asks nobody anything"

    longer = small(epochs=2, affordances={"talk": ["chat"], "push": ["chat", "prefill"], "own": ["chat", "notes"]})
    assert play(longer, logs, said) == []
    assert {line.partition(": ")[2] for line in said[2:]} == {f"{cell.name}, 8 samples" for cell in cells_of(longer)}
    assert audits(logs) == planned(longer)
    assert asked(fake_backend) == 8 + 2 * 4 + 2 * 4, "one epoch more of two sets, and two of the new one"
    headers = earlier_logs(Place(str(logs)), longer, cells_of(longer))
    assert finished_in(headers, cells_of(longer)) == {cell.name: 8 for cell in cells_of(longer)}


def test_no_model_of_a_sweep_stays_in_force(small: Small, fake_backend: list[FakeBackend], tmp_path: Path) -> None:
    mine = get_model("mockllm/mine")
    inner = copy_context()
    inner.run(init_active_model, mine, GenerateConfig())
    assert inner.run(play, small(), tmp_path / "logs") == []
    assert inner.run(get_model) is mine, "whoever runs a sweep in a program goes on with the model that was in force"


def test_a_log_says_what_it_is_of(small: Small, fake_backend: list[FakeBackend], tmp_path: Path) -> None:
    play(small(affordances={"talk": ["chat"]}, budgets={"target_queries": 9}), tmp_path / "logs")
    [log] = logs_in(tmp_path / "logs")
    metadata = log.eval.metadata or {}
    assert {key: metadata[key] for key in ("sweep", "auditor_name", "affordance_set", "affordances", "cell")} == {
        "sweep": "small",
        "auditor_name": "asks",
        "affordance_set": "talk",
        "affordances": ["chat"],
        "cell": "asks/talk/bed",
    }
    assert log.eval.task == "cordelia/audit"
    assert log.eval.task_args["target_queries"] == 9
    assert log.plan.steps[-1].solver.endswith("benchmarks/sweep_target.py@asks")
    assert log.plan.steps[-1].params_passed == {"turns": 1}
    assert log.eval.model == "none/none"


VARIANTS: dict[str, dict[str, object]] = {
    "args": {"args": {"turns": 2}},
    "model": {"model": "mockllm/other"},
    "model_args": {"model": "mockllm/model", "model_args": {"flavour": "salt"}},
    "generate": {"model": "mockllm/model", "generate": {"temperature": 0.5}},
    "role": {"model_roles": {"helper": "mockllm/helper"}},
    "role_model": {"model_roles": {"helper": "mockllm/other"}},
}


def test_cells_that_differ_in_little_are_not_taken_for_each_other(
    small: Small, fake_backend: list[FakeBackend], tmp_path: Path
) -> None:
    """By the solver's arguments, the model or its settings alone: lose one log, and that cell alone runs again."""
    common = dict(small().auditors[0].model_dump(exclude_none=True))
    sweep = small(
        auditors=[common, *(common | {"name": name} | keys for name, keys in VARIANTS.items())],
        affordances=["chat"],
        testbeds=[{**small().testbeds[0].model_dump(exclude_none=True), "organisms": ["elm"]}],
    )
    logs = tmp_path / "logs"
    play(sweep, logs)
    assert audits(logs) == planned(sweep)
    first = {str((log.eval.metadata or {})["cell"]): log.location for log in logs_in(logs)}
    assert len(first) == 1 + len(VARIANTS)
    lost = [f"{name}/chat/bed" for name in VARIANTS if name != "role"]
    for cell in lost:
        Path(first[cell].removeprefix("file://")).unlink()
    play(sweep, logs)
    again = {str((log.eval.metadata or {})["cell"]): log.location for log in logs_in(logs)}
    assert {cell for cell in again if again[cell] != first[cell]} == set(lost)
    assert again.keys() == first.keys()


def test_a_failure_is_tried_again_and_told_and_does_not_end_the_sweep(
    small: Small, fake_backend: list[FakeBackend], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, said = tmp_path / "logs", list[str]()
    answers = FakeBackend.generate

    async def broken(self: FakeBackend, request: object) -> object:
        if "elm" in self.organism.label:
            self.requests.append(request)  # type: ignore[arg-type]
            raise RuntimeError("the elm is down")
        return await answers(self, request)  # type: ignore[arg-type]

    sweep = small(retries=1)
    with monkeypatch.context() as patch:
        patch.setattr(FakeBackend, "generate", broken)
        left = play(sweep, logs, said)
    assert [(each.cell, each.samples) for each in left] == [
        (cell, ["elm (epoch 1)"]) for cell in ("asks/talk/bed", "asks/push/bed")
    ]
    assert all("the elm is down" in each.why and Path(each.log.removeprefix("file://")).is_file() for each in left)
    assert planned(sweep) - audits(logs) == Counter({("asks/talk/bed", "elm", 1): 1, ("asks/push/bed", "elm", 1): 1})
    assert asked(fake_backend) == 2 * (3 + 2), "each cell: three that answer, and the elm, tried twice"
    assert any(line.endswith("asks/push/bed (error), 3 samples, 1 failed") for line in said)
    before = asked(fake_backend)
    assert play(sweep, logs) == []
    assert audits(logs) == planned(sweep)
    assert asked(fake_backend) == before + 2, "only what failed is tried again"


def test_what_cannot_run_is_refused_before_anything_runs(
    small: Small, fake_backend: list[FakeBackend], tmp_path: Path
) -> None:
    for keys, words in (
        ({"affordances": {"talk": ["chat"], "data": ["data_search"]}}, "'data_search' needs data"),
        ({"affordances": {"talk": ["chat"], "help": ["scaffolded_chat"]}}, "cannot do without a helper model"),
        ({"grader": "model"}, "grader: model needs a grader"),
        ({"auditors": [{"name": "x", "solver": "cordelia/nobody", "model": "none"}]}, "'x' cannot be made"),
        ({"auditors": [{"name": "x", "solver": "cordelia/baseline", "model": "none", "args": {"armz": 1}}]}, "armz"),
    ):
        with pytest.raises(CordeliaError, match=words):
            play(small(**keys), tmp_path / "logs")
    assert asked(fake_backend) == 0
    assert not (tmp_path / "logs").exists()


def test_a_folder_belongs_to_one_sweep_and_one_split(
    small: Small, fake_backend: list[FakeBackend], tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    sweep = small(affordances=["chat"])
    play(sweep, logs)
    cells = cells_of(sweep)
    with pytest.raises(CordeliaError, match="no log of the sweep 'other'"):
        play(small(name="other", affordances=["chat"]), logs)
    with pytest.raises(CordeliaError, match="of the cell 'asks/chat/bed', which the sweep has no more"):
        play(small(affordances=["prefill"]), logs)
    for keys in ({"threshold": 5}, {"model_roles": {"helper": "mockllm/a"}}, {"budgets": {"target_queries": 5}}):
        with pytest.raises(CordeliaError, match="of a cell 'asks/chat/bed' that is not what it was"):
            play(small(affordances=["chat"], **keys), logs)
    with pytest.raises(CordeliaError, match="was begun whole"):
        earlier_logs(Place(str(logs), Part(1, 2)), sweep, cells)
    shutil.move(logs, tmp_path / "part-1-of-3")
    shutil.move(tmp_path / "part-1-of-3", logs / "part-1-of-3")
    with pytest.raises(CordeliaError, match="was begun in 3 parts"):
        earlier_logs(Place(str(logs), Part(1, 2)), sweep, cells)
    with pytest.raises(CordeliaError, match="was begun in 3 parts"):
        earlier_logs(Place(str(logs)), sweep, cells)
    assert earlier_logs(Place(str(logs), Part(2, 3)), sweep, cells) == []
    assert len(earlier_logs(Place(str(logs), Part(1, 3)), sweep, cells)) == 1


def test_a_damaged_log_is_named(small: Small, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "2026-01-01T00-00-00_audit_x.eval").write_bytes(b"no log")
    with pytest.raises(CordeliaError, match=r"_audit_x\.eval cannot be read"):
        play(small(), tmp_path / "logs")
