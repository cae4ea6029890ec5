"""A sweep in processes of its own, as a shell starts it, and what is seen of it from outside."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import yaml
from inspect_ai.log import read_eval_log

from benchmarks import sweep_target
from benchmarks.kill_audit import BED
from benchmarks.machine import ROOT

PATIENCE_S = 120.0
ORGANISMS = 10
COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from cordelia.cli import main; main()"
)
"""What a shell started in the background ignores ctrl-C, and so would what it starts."""

Key = tuple[str, str, int]
"""An audit: affordance set, organism, epoch."""


class SweepRun:
    """A sweep of three affordance sets over the ten organisms of `kill_bed`, by an auditor that asks some questions.

    Attributes:
        broken: while this file exists, the organism whose name is in it does not answer.
        samples: what is planned.
    """

    def __init__(self, folder: Path, epochs: int = 2, turns: int = 3, seconds: float = 0.05, retries: int = 0) -> None:
        self.folder = folder
        self.file = folder / "sweep.yaml"
        self.logs = folder / "logs"
        self.notes = folder / "notes.jsonl"
        self.broken = folder / "broken.txt"
        self.sets = {"talk": ["chat"], "push": ["chat", "prefill"], "compare": ["chat", "reference"]}
        self.samples = len(self.sets) * ORGANISMS * epochs
        self.turns = turns
        content = {
            "name": "paced",
            "auditors": [
                {
                    "name": "asks",
                    "solver": f"{sweep_target.__file__}@asks",
                    "model": "none",
                    "args": {"turns": turns},
                }
            ],
            "affordances": self.sets,
            "testbeds": [{"testbed": str(BED), "backend": "paced", "backend_args": {"seconds": seconds}}],
            "epochs": epochs,
            "max_samples": 4,
            "retries": retries,
        }
        self.file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("INSPECT_")},
            "PYTHONPATH": os.pathsep.join([str(sweep_target.plugin(folder / "plugin")), str(ROOT)]),
            "XDG_DATA_HOME": str(folder / "data"),
            sweep_target.NOTES: str(self.notes),
            sweep_target.BROKEN: str(self.broken),
        }

    def start(self, *options: str) -> "subprocess.Popen[str]":
        """`cordelia sweep`, in a session of its own."""
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, "sweep", str(self.file), "--logs", str(self.logs), *options],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def wait_for(self, process: "subprocess.Popen[str]", answers: int) -> None:
        """Until the target has given so many answers in all. Raises RuntimeError."""
        until = time.monotonic() + PATIENCE_S
        while len(self.answers()) < answers:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the sweep did not come to answer {answers}:\n{self.end(process)}")
            time.sleep(0.01)

    def stop(self, process: "subprocess.Popen[str]", how: signal.Signals) -> int:
        """Send it a signal and wait until it has ended."""
        process.send_signal(how)
        self.end(process)
        return process.returncode

    def end(self, process: "subprocess.Popen[str]") -> str:
        """Wait until it ends; what it said."""
        return process.communicate(timeout=PATIENCE_S)[0]

    def answers(self) -> list[tuple[Key, int, int]]:
        """What the target was asked: audit, turn, and the process that asked, in order."""
        found = []
        for line in self.notes.read_text(encoding="utf-8").splitlines() if self.notes.exists() else []:
            note = json.loads(line)
            affordances, organism, epoch, turn = note["said"].split("|")
            found.append(((affordances, organism, int(epoch)), int(turn), int(note["pid"])))
        return found

    def whole(self) -> Counter[Key]:
        """How often each audit was played to its last question."""
        return Counter(key for key, turn, _ in self.answers() if turn == self.turns)

    def logged(self) -> Counter[Key]:
        """How often the newest logs of all cells and parts hold each audit, with its outcome."""
        logs = sorted((read_eval_log(str(log)) for log in self.logs.rglob("*.eval")), key=lambda log: log.eval.created)
        newest = {log.eval.task_id: log for log in logs}
        return Counter(
            (",".join((log.eval.metadata or {})["affordances"]), str(sample.id), sample.epoch)
            for log in newest.values()
            for sample in log.samples or []
            if not sample.error and "outcome" in (sample.scores or {})
        )

    def statuses(self) -> Counter[str]:
        """How every log file ended."""
        return Counter(read_eval_log(str(log), header_only=True).status for log in self.logs.rglob("*.eval"))
