"""Runs one command and takes it down with whoever started it, however that one ends.

A server that outlives its audit holds a GPU that nobody knows about, and neither `atexit` nor a signal
handler runs when a process is killed. So the server's parent is this guard. It holds a pipe from its own
parent on stdin, and a pipe breaks for every kind of death; on that, on SIGTERM or on SIGINT it ends the
command's process group: SIGTERM, some seconds of grace, SIGKILL. Against the guard itself being killed there
is a twin: a fork of it that only waits for the guard's end of a second pipe, and then ends the same group. On
Linux the kernel also kills the command when the guard dies.

Not covered: a worker that leaves the command's process group, and guard and twin killed in the same instant.

    python -m cordelia.testbeds.backends.vllm.guard --log FILE -- COMMAND…

Standard library only: the guard must stand before anything heavy is imported. POSIX only, as vLLM is.
"""

import argparse
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

GRACE_S = 8.0
"""How long a server may take to stop by itself. vLLM takes one to three seconds."""
_ORPHAN_GRACE_S = 2.0  # workers whose server is dead already do not heed SIGTERM (vLLM 0.32)
_LOOK_S = 0.5
_STDIN = 0
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str] | None = None) -> int:
    """Run the command that the arguments name until it ends or must end.

    Returns:
        The command's exit code; 128 + the signal's number if one killed it; 127 if it could not be started.
    """
    parser = argparse.ArgumentParser(prog="guard", description="Run a command; end it with its parent.")
    parser.add_argument("--log", type=Path, required=True, help="file that takes the command's output")
    parser.add_argument("--grace", type=float, default=GRACE_S, help="seconds between SIGTERM and SIGKILL")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)

    woken = _wake_on_signals()
    parent = os.getppid()
    with options.log.open("ab") as log:
        try:
            child = subprocess.Popen(
                options.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_dies_with_guard(),  # noqa: PLW1509 - the guard has one thread
            )
        except OSError as error:
            log.write(f"cannot run {options.command[0]}: {error}\n".encode())
            return 127
    release_twin = _start_twin(child.pid, options.grace)
    _wait(child, woken, parent)
    end_group(child.pid, child.poll, options.grace)
    release_twin()
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def end_group(group: int, reap: Callable[[], object], grace_s: float) -> None:
    """End every process of a group: SIGTERM, up to `grace_s` seconds, SIGKILL. Returns when none is left.

    Args:
        group: the process group's id.
        reap: called between looks, so that a dead child of the caller's does not count as alive.
        grace_s: seconds between the two signals at most.
    """
    kill_at = time.monotonic() + grace_s
    sent: signal.Signals | None = None
    while True:
        reap()
        wanted = signal.SIGKILL if time.monotonic() >= kill_at else signal.SIGTERM
        try:
            os.killpg(group, 0 if sent is wanted else wanted)
        except ProcessLookupError:
            return
        except PermissionError:
            # macOS says this of a group in which only zombies are left
            return
        sent = wanted
        if wanted is signal.SIGKILL and time.monotonic() > kill_at + 1.0:
            # only zombies that their parent does not reap are left
            return
        time.sleep(0.05)


def _wait(child: subprocess.Popen[bytes], woken: int, parent: int) -> None:
    """Until the command ends, a signal asks for its end, or the parent is gone."""
    while child.poll() is None:
        ready, _, _ = select.select([_STDIN, woken], [], [], _LOOK_S)
        if woken in ready and any(number != signal.SIGCHLD for number in os.read(woken, 64)):
            return
        if _STDIN in ready and not os.read(_STDIN, 4096):
            return
        if os.getppid() != parent:
            # a fork of the parent's may still hold the pipe open
            return


def _wake_on_signals() -> int:
    """Catch the signals that matter and return the pipe on which their numbers can be read."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return reader


def _dies_with_guard() -> Callable[[], None] | None:
    """What the child does before it becomes the command: on Linux, ask to be killed when the guard dies."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)  # found before the fork, where it is safe
    guard = os.getpid()

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != guard:
            os._exit(1)  # the guard died before the kernel was told

    return ask


def _start_twin(group: int, grace_s: float) -> Callable[[], None]:
    """Fork the twin, which ends `group` if this process dies. Returns what releases it when all is done."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            os.close(writer)
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            if not os.read(reader, 1):
                end_group(group, lambda: None, min(grace_s, _ORPHAN_GRACE_S))
        finally:
            os._exit(0)  # the guard's own code above must not run twice
    os.close(reader)

    def release() -> None:
        os.write(writer, b".")
        os.close(writer)

    return release


if __name__ == "__main__":
    sys.exit(main())
