"""The audit that `kill` kills: a real `inspect eval` in a process of its own, and what is seen of it from outside."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from inspect_ai.log import EvalLog, EvalSample, RecoveryNotAvailable, read_eval_log, recover_eval_log

from benchmarks import kill_target
from benchmarks.machine import ROOT

BED = Path(__file__).parent / "kill_bed"
FAKE_SERVER = ROOT / "tests/testbeds/backends/vllm/vllm_fake_server.py"
EPOCHS, TURNS, PAUSE_S = 2, 5, 0.04
PATIENCE_S = 90.0
GONE_S = 20.0
"""How long processes may take to end after a kill before they count as left behind."""
MARK = "CORDELIA_KILL"
"""Environment variable by which every process of an audit is known."""
SAID = re.compile(r"(k\d\d) (\d) (\d)")

Key = tuple[str, int]
"""A sample: organism and epoch."""


class Audit:
    """The audit of a folder: its testbed, its logs, and its process while it runs."""

    def __init__(self, folder: Path, log_buffer: int | None) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.notes = folder / "questions.jsonl"
        self.retries = 0
        self.token = folder.name
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("INSPECT_")},
            "PYTHONPATH": os.pathsep.join([str(plugin(folder / "plugin")), str(ROOT)]),
            "XDG_DATA_HOME": str(folder / "data"),
            "INSPECT_LOG_DIR": str(self.logs),
            "CORDELIA_VLLM_PYTHON": str(fake_python(folder / "fake_python")),
            "FAKE_VLLM_LOG": str(self.notes),
            MARK: self.token,
        }
        if log_buffer is not None:
            self.environment["INSPECT_EVAL_LOG_BUFFER"] = str(log_buffer)
        self.process: subprocess.Popen[bytes] | None = None
        self.retried: Path | None = None

    def start(self) -> None:
        """`inspect eval`, or `inspect eval-retry` on the newest log when there is one."""
        newest = self.retried = self.newest()
        if newest is None:
            arguments = [
                *("eval", "cordelia/audit", "--model", "none", "--epochs", str(EPOCHS), "--max-samples", "4"),
                *("-T", f"testbed={BED}", "-T", "backend=letters", "-T", "affordances=chat"),
                *("--solver", f"{kill_target.__file__}@asks", "-S", f"turns={TURNS}", "-S", f"pause={PAUSE_S}"),
            ]
        else:
            arguments = ["eval-retry", str(newest)]
            self.retries += 1
        with (self.folder / "said.txt").open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "inspect_ai", *arguments, "--display", "plain"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, questions: int) -> None:
        """Until the target was asked so often in all and the log of this run is there. Raises RuntimeError."""
        assert self.process
        until = time.monotonic() + PATIENCE_S
        while len(self.questions()) < questions or self.newest() == self.retried:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the audit did not come to question {questions}:\n{self.said()}")
            time.sleep(0.01)

    def kill(self, server_too: bool) -> float:
        """SIGKILL; returns the seconds until all that the audit started was gone, or until patience was."""
        assert self.process
        self.process.kill()
        if server_too:
            for pid in self.processes():
                if FAKE_SERVER.name in _command(pid):
                    with suppress(ProcessLookupError):  # the guard was faster
                        os.kill(pid, signal.SIGKILL)
        began = time.monotonic()
        self.process.wait()
        while self.processes() and time.monotonic() < began + GONE_S:
            time.sleep(0.02)
        return time.monotonic() - began

    def finish(self) -> None:
        """Until it ends by itself. Raises RuntimeError."""
        assert self.process
        if self.process.wait(PATIENCE_S):
            raise RuntimeError(f"the last retry failed:\n{self.said()}")

    def questions(self) -> list[tuple[Key, int]]:
        """What the target was asked: sample and turn, in order."""
        found = []
        for line in self.notes.read_text().splitlines() if self.notes.exists() else []:
            note = json.loads(line)
            if note["kind"] == "/v1/completions":
                match = SAID.search("".join(map(chr, note["body"]["prompt"])))
                assert match, note
                found.append(((match[1], int(match[2])), int(match[3])))
        return found

    def finished(self) -> set[Key]:
        """The samples that inspect has as finished, in the log or in its buffer: what a retry must not repeat."""
        newest = self.newest()
        assert newest
        with TemporaryDirectory(dir=self.folder) as place, environment(XDG_DATA_HOME=self.environment["XDG_DATA_HOME"]):
            try:
                log = recover_eval_log(str(newest), output=f"{place}/recovered.eval", cleanup=False)
            except RecoveryNotAvailable:
                log = read_eval_log(str(newest))
            return {key_of(sample) for sample in log.samples or [] if not sample.error}

    def processes(self) -> list[int]:
        """Every process of this audit that lives."""
        mark = f"{MARK}={self.token}".encode()
        return [
            pid
            for pid in (int(place.name) for place in Path("/proc").iterdir() if place.name.isdigit())
            if _lives(pid) and mark in _environment(pid)
        ]

    def newest(self) -> Path | None:
        """The newest log, but none that a recovery wrote."""
        logs = [path for path in self.logs.glob("*.eval") if not path.stem.endswith("-recovered")]
        return max(logs, key=lambda path: path.stat().st_mtime_ns, default=None)

    def log(self) -> EvalLog:
        return read_eval_log(str(self.newest()))

    def said(self) -> str:
        """The end of what the audit printed."""
        return (self.folder / "said.txt").read_text(errors="replace")[-3000:]


def plugin(folder: Path) -> Path:
    """A folder for PYTHONPATH that makes the backend `letters` known, as an installed package would."""
    facts = folder / "cordelia_kill-0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: cordelia-kill\nVersion: 0\n")
    (facts / "entry_points.txt").write_text("[cordelia.backends]\nletters = benchmarks.kill_target:letters_backend\n")
    return folder


def fake_python(path: Path) -> Path:
    """An interpreter that says it has a vLLM for CPUs and starts the fake server instead."""
    path.write_text(f'#!/bin/sh\nif [ "$1" = -c ]; then echo cpu; else exec {sys.executable} {FAKE_SERVER} "$@"; fi\n')
    path.chmod(0o755)
    return path


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def key_of(sample: EvalSample) -> Key:
    return str(sample.id), sample.epoch


def _lives(pid: int) -> bool:
    """Whether it runs and is no zombie that waits for its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
