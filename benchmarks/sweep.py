"""sweep: a sweep as one command, against the same evals run by hand, one after the other.

Both sides run the same tasks in a process of their own, from before the first task is built to after the last log is
written: the sweep through `cordelia sweep` and its eval set, by hand with one `inspect_ai.eval` a cell. The target
answers after a fixed pause, so a cell takes as long as its pauses, some seconds, and what is left is overhead.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from inspect_ai import eval as inspect_eval

from benchmarks.results import Goal, Line, Result, alternate
from benchmarks.sweep_run import SweepRun
from cordelia.sweeps.building import task_of
from cordelia.sweeps.cells import cells_of
from cordelia.sweeps.places import Place
from cordelia.sweeps.running import run_sweep
from cordelia.sweeps.schema import read_sweep

GOAL = Goal("ratio", "≤", 1.05)


def run(quick: bool) -> Result:
    """Three cells of 30 audits; quick: shorter pauses, once."""
    repeats, seconds = (1, 0.2) if quick else (3, 0.5)
    with TemporaryDirectory(prefix="cordelia-sweep-") as folder:
        sweep = SweepRun(Path(folder), epochs=3, turns=2, seconds=seconds)
        number = iter(range(100))

        def side(which: str) -> list[float]:
            return timed(sweep, which, str(Path(folder) / f"logs-{next(number)}"))

        swept, by_hand = alternate([lambda: side("sweep"), lambda: side("by_hand")], repeats, warm_up=False)
    cells = len(sweep.sets)
    whole = Line("whole run", "s", [each[0] for each in swept], [each[0] for each in by_hand], GOAL)
    busy = Line("processor time", "s", [each[1] for each in swept], [each[1] for each in by_hand])
    note = f"{cells} cells, {sweep.samples} audits, {sweep.turns} answers each after {seconds:g} s, 4 audits at once."
    return Result("sweep", "by hand", [whole, busy], [note])


def timed(sweep: SweepRun, which: str, logs: str) -> list[float]:
    """Seconds of one side on the clock, imports left out, and of its processor. Raises RuntimeError when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sweep", which, str(sweep.file), logs],
        env=sweep.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{which} failed:\n{done.stderr[-2000:]}")
    return [float(seconds) for seconds in json.loads(done.stdout.splitlines()[-1])]


def child(which: str, file: Path, logs: str) -> None:
    """One side, in this process; prints its seconds, on the clock and of the processor."""
    started = time.perf_counter()
    sweep = read_sweep(file)
    cells = cells_of(sweep)
    if which == "sweep":
        failed = bool(run_sweep(sweep, cells, Place(logs), lambda line: None, display="none"))
    else:
        ended = [
            inspect_eval(
                task_of(sweep, cell),
                model=None,
                epochs=sweep.epochs,
                max_samples=sweep.max_samples,
                log_dir=logs,
                display="none",
            )[0]
            for cell in cells
        ]
        failed = any(log.status != "success" for log in ended)
    if failed:
        raise RuntimeError("an audit failed")
    sys.stdout.write(f"{json.dumps([time.perf_counter() - started, time.process_time()])}\n")


if __name__ == "__main__":
    child(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
