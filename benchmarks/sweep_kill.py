"""sweep_kill: a sweep is killed three times and gone on with; what is lost, doubled, or run again?

The sweep is a real `cordelia sweep` in a process of its own; a kill is SIGKILL once the target has given a number of
answers that is drawn with a seed. The target notes every question with the audit that asked it, so what ran twice is
known without the logs. An audit counts as finished once the log, or inspect's buffer beside it, has it.
"""

import random
import signal
from pathlib import Path
from tempfile import TemporaryDirectory

from inspect_ai.log import RecoveryNotAvailable, read_eval_log, recover_eval_log

from benchmarks.kill_audit import environment
from benchmarks.results import Goal, Line, Result
from benchmarks.sweep_run import Key, SweepRun

KILLS = 3


def run(quick: bool) -> Result:
    """Three kills; quick: one epoch fewer."""
    with TemporaryDirectory(prefix="cordelia-sweep-kill-") as folder:
        return killed(SweepRun(Path(folder), epochs=1 if quick else 3))


def killed(sweep: SweepRun, seed: int = 6) -> Result:
    """Kill a sweep three times, go on each time, and count.

    Raises:
        RuntimeError: it ended before all the kills, or did not end well.
    """
    chance = random.Random(seed)
    answers = sweep.samples * sweep.turns
    finished: set[Key] = set()
    run_again = cut = 0
    for number in range(1, KILLS + 1):
        before = len(sweep.answers())
        process = sweep.start()
        moment = answers * number // (KILLS + 1) + chance.randint(-4, 4)
        sweep.wait_for(process, max(moment, before + 1))
        sweep.stop(process, signal.SIGKILL)
        asked = {key for key, _, _ in sweep.answers()[before:]}
        run_again += len(asked & finished)
        finished |= finished_in(sweep)
        cut += len(asked - finished)
    before = len(sweep.answers())
    process = sweep.start()
    said = sweep.end(process)
    if process.returncode:
        raise RuntimeError(f"the sweep did not end well:\n{said}")
    run_again += len({key for key, _, _ in sweep.answers()[before:]} & finished)
    logged = sweep.logged()
    none = Goal("ours", "≤", 0)
    return Result(
        "sweep_kill",
        "–",
        [
            Line("samples lost", "samples", [sweep.samples - len(logged)], goal=none),
            Line("samples doubled", "samples", [sum(logged.values()) - len(logged)], goal=none),
            Line("finished samples run again", "samples", [run_again], goal=none),
            Line("samples cut by a kill", "samples", [cut]),
            Line("samples in the logs at the end", "samples", [sum(logged.values())]),
        ],
        [f"{KILLS} kills of a sweep of {sweep.samples} samples in {len(sweep.sets)} cells."],
    )


def finished_in(sweep: SweepRun) -> set[Key]:
    """The audits that inspect has as finished: what a later run must not repeat."""
    found: set[Key] = set()
    for log_file in sweep.logs.rglob("*.eval"):
        with (
            TemporaryDirectory(dir=sweep.folder) as place,
            environment(XDG_DATA_HOME=sweep.environment["XDG_DATA_HOME"]),
        ):
            try:
                log = recover_eval_log(str(log_file), output=f"{place}/recovered.eval", cleanup=False)
            except RecoveryNotAvailable:
                log = read_eval_log(str(log_file))
            names = ",".join((log.eval.metadata or {}).get("affordances", []))
            found |= {(names, str(sample.id), sample.epoch) for sample in log.samples or [] if not sample.error}
    return found
