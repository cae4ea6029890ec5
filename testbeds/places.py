"""Where files of a run stand that are too large for its log: in folders beside it."""

import os
from pathlib import Path

from inspect_ai.log._samples import sample_active  # nothing public tells a running sample where its log is


def beside_logs(name: str) -> Path:
    """A folder beside the log of the running sample; where none runs, in inspect's log folder.

    That is `INSPECT_LOG_DIR`, or `./logs` when it is not given or no local folder. What belongs to a log that is itself
    in no local folder stands there, too.
    """
    sample = sample_active()
    log = _local(sample.log_location) if sample is not None else None
    folder = _local(os.environ.get("INSPECT_LOG_DIR", "")) or Path("logs") if log is None else log.parent
    return folder / name


def _local(place: str) -> Path | None:
    """A path, or a `file://` URL, of this machine; None for anything else."""
    path = place.removeprefix("file://")
    return Path(path) if path and "://" not in path else None
