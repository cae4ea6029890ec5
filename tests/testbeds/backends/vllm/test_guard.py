"""The guard, with real processes: whoever dies, the command and the processes that it started go too."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cordelia.testbeds.backends.vllm import guard as vllm_guard

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")

# a server that started a worker; both write their pid, and both are deaf to SIGTERM if told so
SERVER = """
import os, signal, sys, time
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
who = "worker" if os.fork() == 0 else "server"
path = os.path.join(sys.argv[1], who)
with open(path + ".part", "w") as file:
    file.write(str(os.getpid()))
os.rename(path + ".part", path)
if who == "server" and sys.argv[2] == "ends":
    while not os.path.exists(os.path.join(sys.argv[1], "worker")):
        time.sleep(0.01)
    os._exit(3)
time.sleep(600)
"""
PARENT = """
import subprocess, sys, time
guard = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True)
print(guard.pid, flush=True)
time.sleep(600)
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def command(folder: Path, how: str) -> list[str]:
    server = [sys.executable, "-c", SERVER, str(folder), how]
    log = ["--log", str(folder / "log"), "--grace", "0.5"]
    return [sys.executable, vllm_guard.__file__, *log, "--", *server]


def started(folder: Path) -> list[int]:
    until(lambda: (folder / "server").exists() and (folder / "worker").exists())
    return [int((folder / who).read_text()) for who in ("server", "worker")]


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    running: list[subprocess.Popen[str]] = []
    yield running
    for process in running:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def start_guard(
    folder: Path, how: str, processes: list[subprocess.Popen[str]]
) -> tuple[subprocess.Popen[str], list[int]]:
    guard = subprocess.Popen(command(folder, how), stdin=subprocess.PIPE, text=True, start_new_session=True)
    processes.append(guard)
    return guard, started(folder)


@pytest.mark.parametrize("how", ["polite", "deaf"])
def test_a_killed_parent_takes_everything_down(
    tmp_path: Path, how: str, processes: list[subprocess.Popen[str]]
) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, *command(tmp_path, how)], stdout=subprocess.PIPE, text=True
    )
    processes.append(parent)
    assert parent.stdout
    guard = int(parent.stdout.readline())
    pids = [guard, *started(tmp_path)]
    assert all(alive(pid) for pid in pids)
    parent.kill()
    until(lambda: not any(alive(pid) for pid in pids))


@pytest.mark.parametrize("how", ["polite", "deaf"])
def test_a_killed_guard_takes_everything_down(tmp_path: Path, how: str, processes: list[subprocess.Popen[str]]) -> None:
    guard, pids = start_guard(tmp_path, how, processes)
    guard.kill()
    until(lambda: not any(alive(pid) for pid in pids))
    assert not [pid for pid in pids if alive(pid)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_guard_ends_the_command(
    tmp_path: Path, number: signal.Signals, processes: list[subprocess.Popen[str]]
) -> None:
    guard, pids = start_guard(tmp_path, "polite", processes)
    os.kill(guard.pid, number)
    assert guard.wait(10) == 128 + signal.SIGTERM
    assert not any(alive(pid) for pid in pids)


def test_a_server_that_ends_leaves_no_worker(tmp_path: Path, processes: list[subprocess.Popen[str]]) -> None:
    guard, pids = start_guard(tmp_path, "ends", processes)
    assert guard.wait(10) == 3
    assert not any(alive(pid) for pid in pids)


def run(folder: Path, *words: str) -> int:
    arguments = [sys.executable, vllm_guard.__file__, "--log", str(folder / "log"), "--", *words]
    guard = subprocess.Popen(arguments, stdin=subprocess.PIPE, start_new_session=True)
    code = guard.wait(20)
    assert guard.stdin
    guard.stdin.close()
    return code


def test_exit_code_and_output_come_through(tmp_path: Path) -> None:
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"
    assert run(tmp_path, sys.executable, "-c", code) == 7
    assert sorted((tmp_path / "log").read_text().split()) == ["err", "out"]


def test_a_signal_that_killed_the_command_is_told(tmp_path: Path) -> None:
    assert run(tmp_path, sys.executable, "-c", "import os; os.kill(os.getpid(), 9)") == 128 + 9


def test_a_command_that_does_not_exist(tmp_path: Path) -> None:
    assert run(tmp_path, str(tmp_path / "nothing")) == 127
    assert "cannot run" in (tmp_path / "log").read_text()


def test_the_guard_needs_nothing_heavy() -> None:
    """It must stand before the server does, and in any interpreter."""
    heavy = "import sys; before = set(sys.modules); import runpy; runpy.run_path(sys.argv[1]); " + (
        "print([m for m in ('pydantic', 'anyio', 'torch', 'inspect_ai', 'cordelia') if m in sys.modules])"
    )
    asked = [sys.executable, "-c", heavy, vllm_guard.__file__]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == "[]"
