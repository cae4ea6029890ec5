"""Where files of a run stand that are too large for its log: in folders beside it."""

import os
from pathlib import Path


def beside_logs(name: str) -> Path:
    """A folder in inspect's log folder (`INSPECT_LOG_DIR`, else `logs`); in `./logs` when that is no local folder."""
    folder = os.environ.get("INSPECT_LOG_DIR", "").removeprefix("file://") or "logs"
    return Path("logs" if "://" in folder else folder) / name
