"""page: a pile of logs to the page, in time, memory and size.

12,000 samples in 750 logs (see `many_logs`), read anew and without transcripts. Each report is a process of its own,
from its start to its end, so that its memory is its own; on the other side stands the reading alone.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.machine import ROOT
from benchmarks.many_logs import SAMPLES_A_LOG, write_logs
from benchmarks.results import Goal, Line, Result

LOGS, QUICK_LOGS = 750, 30
REPEATS, QUICK_REPEATS = 3, 1


def run(quick: bool) -> Result:
    """Time, peak memory and size of the page."""
    count, repeats = (QUICK_LOGS, QUICK_REPEATS) if quick else (LOGS, REPEATS)
    with TemporaryDirectory(prefix="cordelia-page-") as root:
        logs = Path(root) / "logs"
        logs.mkdir()
        write_logs(logs, range(count))
        found = [_report(logs, Path(root) / f"report-{repeat}") for repeat in range(repeats)]
    assert all(each["samples"] == count * SAMPLES_A_LOG for each in found)
    lines = [
        Line("page, whole process", "s", [each["whole"] for each in found], goal=Goal("ours", "≤", 30)),
        Line("of which reading the logs", "s", [each["reading"] for each in found]),
        Line("peak memory", "MiB", [each["mib"] for each in found], goal=Goal("ours", "≤", 2048)),
        Line("page without transcripts", "MB", [each["mb"] for each in found], goal=Goal("ours", "≤", 3)),
    ]
    return Result("page", "–", lines, [f"{count * SAMPLES_A_LOG:,} samples in {count:,} logs, nothing cached."])


def _report(logs: Path, out: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.page", str(logs), str(out)]
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    said: dict[str, float] = json.loads(done.stdout)
    return said | {"whole": time.perf_counter() - started}


def _measured(logs: str, out: str) -> dict[str, float]:
    from cordelia.scoreboard.page.write import write_report
    from cordelia.scoreboard.reading import read_frame

    started = time.perf_counter()
    reading = read_frame([logs])
    taken = time.perf_counter() - started
    written = write_report(reading, Path(out), transcripts=False)
    return {
        "reading": taken,
        "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "mb": written.size / 1e6,
        "samples": reading.audits.height,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measured(*sys.argv[1:])))
