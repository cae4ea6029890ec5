"""kill: an audit is killed at random moments and retried with `inspect eval-retry`; what is lost, doubled, left behind?

The audit is a real `inspect eval` in a process of its own, on the vllm backend. A kill is SIGKILL, for the audit's
process alone or for its server as well. A moment is a number of answers of the target and some milliseconds on top,
drawn with a seed; no answers means as soon as the new log is there, into which a retry copies what was finished. The
server notes every question, and each question says which sample it is of, so what ran twice is known without the logs.
"""

import json
import random
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from inspect_ai.log import EvalLog

from benchmarks.kill_audit import EPOCHS, TURNS, Audit, Key, key_of
from benchmarks.machine import ROOT, machine
from benchmarks.results import Goal, Line, Result
from cordelia.scoreboard.rows import read_log

COUNTS = ROOT / "docs/results/kill-retry.json"
ORGANISMS = 10
MOST_ANSWERS = 32
"""A moment is at most so many answers after the start. Four samples run at once, so some ten of them are lost."""


@dataclass
class Kill:
    """One kill.

    Attributes:
        answers: how many answers the target had given in this run of the audit.
        server_too: whether its server was killed as well.
        finished: samples in the log, by then.
        cut: samples that were under way.
        gone_s: seconds until no process of the run was left.
    """

    answers: int
    server_too: bool
    finished: int
    cut: int
    gone_s: float


@dataclass
class Counts:
    """What a run of kills and retries did to an audit.

    Attributes:
        samples: organisms × epochs.
        retries: calls of `inspect eval-retry`.
        run_again: starts of samples beyond the first; what was cut runs again.
        finished_run_again: samples that were in the log and ran again all the same.
        lost: samples that the last log lacks or has without an outcome.
        doubled: samples that the last log has twice.
        rebuilt: samples that inspect rebuilt from their events, because they were finished and not yet in the log.
        without_record: samples whose audit record cannot be read from the last log, so that nobody can grade them anew.
        processes_left: of any killed run.
    """

    seed: int
    samples: int
    log_buffer: int | None
    kills: list[Kill] = field(default_factory=list)
    retries: int = 0
    run_again: int = 0
    finished_run_again: int = 0
    lost: int = 0
    doubled: int = 0
    rebuilt: int = 0
    without_record: int = 0
    processes_left: int = 0


def run(quick: bool) -> Result:
    """Ten kills (quick: two); the counts of ten are written to docs/results as well."""
    counts = killed(kills=2 if quick else 10)
    if not quick:
        COUNTS.parent.mkdir(parents=True, exist_ok=True)
        COUNTS.write_text(json.dumps(asdict(counts) | {"machine": machine()}, indent=2) + "\n", encoding="utf-8")
    none = Goal("ours", "≤", 0)
    lines = [
        Line("samples lost", "samples", [counts.lost], goal=none),
        Line("samples doubled", "samples", [counts.doubled], goal=none),
        Line("finished samples run again", "samples", [counts.finished_run_again], goal=none),
        Line("samples without their record", "samples", [counts.without_record], goal=none),
        Line("processes left behind", "processes", [counts.processes_left], goal=none),
        Line("samples cut by a kill", "samples", [kill.cut for kill in counts.kills]),
        Line("until the server was gone", "s", [kill.gone_s for kill in counts.kills]),
    ]
    return Result("kill", "–", lines, [f"{len(counts.kills)} kills of an audit of {counts.samples} samples."])


def read_counts(path: Path) -> Counts:
    """The counts that `run` wrote."""
    data = json.loads(path.read_text(encoding="utf-8"))
    del data["machine"]
    return Counts(**data | {"kills": [Kill(**kill) for kill in data["kills"]]})


def killed(kills: int, seed: int = 6, log_buffer: int | None = None) -> Counts:
    """Start an audit, kill it `kills` times, retry it each time, and count.

    Raises:
        RuntimeError: the audit ended before all the kills, did not reach a moment in time, or failed at the end.
    """
    chance = random.Random(seed)
    with TemporaryDirectory(prefix="cordelia-kill-") as folder:
        audit = Audit(Path(folder), log_buffer)
        counts = Counts(seed, ORGANISMS * EPOCHS, log_buffer)
        finished: set[Key] = set()
        for _ in range(kills):
            answers, server_too = max(0, chance.randint(-8, MOST_ANSWERS)), chance.random() < 0.5
            asked_before = len(audit.questions())
            audit.start()
            audit.wait_for(asked_before + answers)
            time.sleep(chance.random() / 10)
            gone_s = audit.kill(server_too)
            counts.processes_left += len(audit.processes())
            asked = audit.questions()
            counts.finished_run_again += len(finished & {key for key, _ in asked[asked_before:]})
            finished = audit.finished()
            cut = {key for key, _ in asked[asked_before:]} - finished
            counts.kills.append(Kill(len(asked) - asked_before, server_too, len(finished), len(cut), round(gone_s, 2)))
        asked_before = len(audit.questions())
        audit.start()
        audit.finish()
        counts.processes_left += len(audit.processes())
        asked = audit.questions()
        counts.finished_run_again += len(finished & {key for key, _ in asked[asked_before:]})
        counts.retries = audit.retries
        starts = [key for key, turn in asked if turn == 1]
        counts.run_again = len(starts) - len(set(starts))
        judge(counts, audit.log())
        return counts


def judge(counts: Counts, log: EvalLog) -> None:
    """Count what the last log holds. Raises RuntimeError when it is not the log of an audit that ended well."""
    if log.status != "success":
        raise RuntimeError(f"the last retry ended as {log.status}: {log.error}")
    samples = log.samples or []
    good = {key_of(sample) for sample in samples if (sample.scores or {}).get("outcome")}
    counts.lost = counts.samples - len(good)
    counts.doubled = len(samples) - len({key_of(sample) for sample in samples})
    counts.rebuilt = sum(not sample.store for sample in samples)
    read = read_log(log.location).samples or []
    counts.without_record = sum(len(sample.store.get("AuditRecord:messages", {})) != TURNS for sample in read)
