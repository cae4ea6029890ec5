"""clone: from `git clone` to graded audits, in seconds, by phase.

A clone of this repository's HEAD in a new folder, with a venv, model files and package cache of its own, so that all
comes from the package registry. What is not committed is not in it.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.machine import ROOT
from benchmarks.results import Line, Result
from cordelia.scoreboard.audits import read_rows

PHASES = {"venv and packages": "setup", "weights": "weights", "audit": "audit"}


def run(quick: bool) -> Result:
    """Once; quick audits two organisms instead of the Makefile's selection."""
    with TemporaryDirectory(prefix="cordelia-clone-") as temporary:
        folder = Path(temporary)
        clone = folder / "cordelia"
        seconds = {"clone": timed(["git", "clone", "--quiet", str(ROOT), str(clone)], folder)}
        chosen = ["ORGANISMS=siskin,finch"] if quick else []
        for phase, target in PHASES.items():
            seconds[phase] = timed(["make", "--no-print-directory", target, *chosen], clone, folder)
        outcomes = [row.outcome for row in read_rows(clone / "logs")]
    if not outcomes or set(outcomes) != {"submitted"}:
        raise RuntimeError(f"the clone's audits ended as {outcomes}")
    lines = [Line(phase, "s", [value]) for phase, value in seconds.items()]
    lines.append(Line("together", "s", [sum(seconds.values())]))
    notes = [f"{len(outcomes)} audits, all with a graded report."]
    sources = local_sources()
    if sources:
        notes.append(f"pip has {', '.join(sources)}: some wheels may come from this machine, not from the registry.")
    return Result("clone", "–", lines, notes)


def local_sources() -> list[str]:
    """Where pip looks besides its index, as the names of its settings."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return [name for name in ("find-links", "extra-index-url") if f".{name}=" in said]


def timed(command: list[str], cwd: Path, caches: Path | None = None) -> float:
    """Seconds of a command. Raises CalledProcessError."""
    environment = {key: value for key, value in os.environ.items() if not _ours(key)}
    if caches is not None:
        environment |= {"PIP_CACHE_DIR": str(caches / "pip"), "CORDELIA_CACHE": str(caches / "cache")}
    began = time.perf_counter()
    subprocess.run(command, cwd=cwd, env=environment, check=True)
    return time.perf_counter() - began


def _ours(key: str) -> bool:
    """Whether a variable would make the clone use what this checkout has."""
    return key in {"VENV", "ORGANISMS", "VIRTUAL_ENV", "PYTHONPATH", "MAKEFLAGS", "MAKELEVEL"} or key.startswith(
        ("CORDELIA_", "INSPECT_")
    )
