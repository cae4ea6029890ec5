"""frame: a pile of logs to one table, against inspect's own `samples_df` on the same files.

12,000 samples in 750 logs (see `many_logs`). Each reading is a process of its own, so that its memory is its own and
nothing is warm but the machine's file cache; the clock runs around the call, and for the cached reading around the
whole process too. Processor time is told beside it, since on a busy machine the clock says more about the others. A
cached reading finds all logs but one in the cache.
"""

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.machine import ROOT
from benchmarks.many_logs import SAMPLES_A_LOG, write_logs
from benchmarks.results import Goal, Line, Result

LOGS, QUICK_LOGS = 750, 30
REPEATS, QUICK_REPEATS = 3, 1


@dataclass(frozen=True)
class Took:
    """What one reading took: seconds of the call, of the processor in it, of the whole process; peak MiB; rows."""

    seconds: float
    busy: float
    process: float
    mib: float
    rows: int


def run(quick: bool) -> Result:
    """Cold against `samples_df`, then cached with one new log a repeat, and the memory of both."""
    count, repeats = (QUICK_LOGS, QUICK_REPEATS) if quick else (LOGS, REPEATS)
    with TemporaryDirectory(prefix="cordelia-frame-") as root:
        folder, cache = Path(root) / "logs", Path(root) / "cache.sqlite"
        folder.mkdir()
        write_logs(folder, range(count))
        size = sum(file.stat().st_size for file in folder.iterdir())
        ours, theirs = cold(folder, repeats)
        _read("ours", folder, cache)
        cached = []
        for repeat in range(repeats):
            write_logs(folder, [count + repeat])
            cached.append(_read("ours", folder, cache))
        samples = (count + repeats) * SAMPLES_A_LOG
        assert cached[-1].rows == samples, f"{cached[-1].rows} rows of {samples} samples"
        kept = cache.stat().st_size
    ratio = Goal("ratio", "≤", 1.5)
    lines = [
        Line("cold", "s", [each.seconds for each in ours], [each.seconds for each in theirs], ratio),
        Line("cold, processor time", "s", [each.busy for each in ours], [each.busy for each in theirs], ratio),
        Line("cold, peak memory", "MiB", [e.mib for e in ours], [e.mib for e in theirs], Goal("ours", "≤", 2048)),
        Line("cached, one new log", "s", [each.seconds for each in cached], goal=Goal("ours", "≤", 3)),
        Line("cached, one new log, processor time", "s", [each.busy for each in cached]),
        Line("cached, one new log, whole process", "s", [each.process for each in cached]),
    ]
    notes = [
        f"{count * SAMPLES_A_LOG:,} samples in {count:,} logs without transcripts, {size / 1e6:,.0f} MB; "
        f"the cache has {kept / 1e6:,.1f} MB."
    ]
    return Result("frame", "samples_df", lines, notes)


def cold(folder: Path, repeats: int) -> tuple[list[Took], list[Took]]:
    """Our readings and theirs, in turn."""
    ours, theirs = [], []
    for repeat in range(repeats):
        if repeat % 2:
            theirs.append(_read("theirs", folder))
        ours.append(_read("ours", folder))
        if not repeat % 2:
            theirs.append(_read("theirs", folder))
    return ours, theirs


def _read(side: str, folder: Path, cache: Path | None = None) -> Took:
    command = [sys.executable, "-m", "benchmarks.frame", side, str(folder), *([str(cache)] if cache else [])]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Took(process=time.perf_counter() - started, **json.loads(done.stdout))


def _ours(folder: str, cache: str | None) -> int:
    from cordelia.scoreboard.reading import read_frame

    return read_frame([folder], cache=Path(cache) if cache else None).audits.height


def _theirs(folder: str) -> int:
    from inspect_ai.analysis import samples_df

    return len(samples_df(folder, quiet=True))


def _measured(side: str, folder: str, cache: str | None) -> dict[str, float]:
    import_module("cordelia.scoreboard.reading" if side == "ours" else "inspect_ai.analysis")
    started, busy = time.perf_counter(), time.process_time()
    rows = _ours(folder, cache) if side == "ours" else _theirs(folder)
    return {
        "seconds": time.perf_counter() - started,
        "busy": time.process_time() - busy,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "rows": rows,
    }


if __name__ == "__main__":
    side, place, *kept_in = sys.argv[1:]
    sys.stdout.write(json.dumps(_measured(side, place, kept_in[0] if kept_in else None)))
