"""Two processes in one folder, and a file with fewer epochs: what is finished stays."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest
from click.testing import CliRunner, Result
from inspect_ai.log import list_eval_logs, read_eval_log, write_eval_log
from tests.conftest import FakeBackend

from cordelia.cli import main
from cordelia.contracts.errors import CordeliaError
from cordelia.sweeps import locking, places, running
from cordelia.sweeps.cells import Part, cells_of
from cordelia.sweeps.locking import alone, surely_free
from cordelia.sweeps.places import Place
from cordelia.sweeps.running import LeftOver, run_sweep
from cordelia.sweeps.schema import Sweep, read_sweep

Write = Callable[..., Path]
HOLDS = """
import sys
from cordelia.sweeps.locking import alone
with alone(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> "subprocess.Popen[str]":
    """Another process, which holds the lock of `logs`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path / "logs")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def end(process: "subprocess.Popen[str]", how: signal.Signals = signal.SIGKILL) -> None:
    process.send_signal(how)
    process.communicate()


def call(file: Path, logs: object, *options: str) -> Result:
    return CliRunner().invoke(main, ["sweep", str(file), "--logs", str(logs), "--display", "none", *options])


def play(sweep: Sweep, place: Place) -> list[LeftOver]:
    return run_sweep(sweep, cells_of(sweep), place, lambda _: None, display="none")


def contents(folder: Path) -> dict[str, str]:
    return {file.name: sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}


def test_a_lock_ends_with_its_process(holder: "subprocess.Popen[str]", tmp_path: Path) -> None:
    logs = str(tmp_path / "logs")
    for other in (lambda: surely_free(logs), alone(logs).__enter__, alone(f"file://{logs}").__enter__):
        with pytest.raises(CordeliaError, match=rf"\(process {holder.pid} on .+\) runs this sweep in .*{logs}"):
            other()
    end(holder)
    assert surely_free(logs)
    with alone(logs), pytest.raises(CordeliaError, match=f"process {os.getpid()} on "):
        surely_free(logs)
    assert surely_free(logs)


def test_a_second_start_is_refused_before_anything_runs(
    holder: "subprocess.Popen[str]", write: Write, fake_backend: list[FakeBackend], tmp_path: Path
) -> None:
    logs, file = tmp_path / "logs", write()
    refused = call(file, logs)
    assert refused.exit_code == 2
    assert f"runs this sweep in {logs}. Wait for it, or stop it" in " ".join(refused.output.split())
    assert "samples" not in refused.output, "no plan, and no question"
    with pytest.raises(CordeliaError, match="runs this sweep"):
        play(read_sweep(file), Place(str(logs)))
    assert call(file, logs, "--plan").exit_code == 0, "a plan may be looked at"
    assert [each.name for each in logs.iterdir()] == [locking.LOCK]
    assert sum(len(backend.requests) for backend in fake_backend) == 0
    end(holder)
    assert call(file, logs).exit_code == 0
    assert len(list(logs.glob("*.eval"))) == 2


def test_parts_do_not_lock_each_other_out(write: Write, fake_backend: list[FakeBackend], tmp_path: Path) -> None:
    assert fake_backend == []
    logs, file = tmp_path / "logs", write()
    with alone(Place(str(logs), Part(1, 2)).folder):
        assert call(file, logs, "--part", "1/2").exit_code == 2
        assert call(file, logs, "--part", "2/2").exit_code == 0


def started(file: Path, folder: Path, there: str) -> None:
    """A log of the sweep as a process leaves it that is still at work, or was killed, at an address."""
    sweep = read_sweep(file)
    play(sweep, Place(str(folder)))
    info = list_eval_logs(str(folder))[0]
    log = read_eval_log(info)
    log.status = "started"
    write_eval_log(log, f"{there}/{Path(info.name).name}")


@pytest.mark.parametrize("where", ["url", "no locks"])
def test_where_nothing_can_be_locked_a_fresh_unfinished_log_is_a_warning(
    where: str, write: Write, fake_backend: list[FakeBackend], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fake_backend == []
    file = write(affordances=["chat"])
    there = f"memory:///{uuid4()}" if where == "url" else str(tmp_path / "there")
    started(file, tmp_path / "logs", there)
    monkeypatch.setattr(running, "run_sweep", lambda *_: [])
    if where == "no locks":
        assert "Warning" not in call(file, there).output, "here a lock knows"
        monkeypatch.setattr(locking, "fcntl", None)
    result = call(file, there)
    assert result.exit_code == 0
    assert "is not finished and was written to within the last minutes" in result.output
    monkeypatch.setattr(places, "FRESH_S", -60.0)
    assert "Warning" not in call(file, there).output, "a log that nobody has written to for long"
    if where == "url":
        fsspec.filesystem("memory").rm(there.removeprefix("memory://"), recursive=True)


def test_fewer_epochs_are_refused_and_the_logs_stay_as_they_were(
    write: Write, fake_backend: list[FakeBackend], tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    assert call(write(epochs=3), logs).exit_code == 0
    before, asked = contents(logs), sum(len(backend.requests) for backend in fake_backend)
    for options in ((), ("--plan",), ("--yes",)):
        result = call(write(epochs=2), logs, *options)
        assert result.exit_code == 2
        said = " ".join(result.output.split())
        assert "is of 3 epochs and the sweep asks for 2" in said and "write epochs: 3 or more" in said
    with pytest.raises(CordeliaError, match="of 3 epochs and the sweep asks for 1"):
        play(read_sweep(write()), Place(str(logs)))
    assert contents(logs) == before
    assert sum(len(backend.requests) for backend in fake_backend) == asked
    assert call(write(epochs=3), logs).exit_code == 0
