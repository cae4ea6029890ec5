"""A sweep of the test bed, in process: the fake target, and an auditor without a model."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks import sweep_target

from cordelia.sweeps.schema import Sweep, read_sweep


def content(bed: Path) -> dict[str, object]:
    """What the sweeps of these tests have in common: one auditor, two sets, four organisms."""
    return {
        "name": "small",
        "auditors": [
            {"name": "asks", "solver": f"{sweep_target.__file__}@asks", "model": "none", "args": {"turns": 1}}
        ],
        "affordances": {"talk": ["chat"], "push": ["chat", "prefill"]},
        "testbeds": [{"testbed": str(bed), "backend": "fake", "base": "some/base"}],
        "retries": 0,
    }


@pytest.fixture
def write(bed: Path, tmp_path: Path) -> Callable[..., Path]:
    """Writes the sweep with the given keys in place of its own."""

    def written(**keys: object) -> Path:
        file = tmp_path / "sweep.yaml"
        kept = {key: value for key, value in (content(bed) | keys).items() if value is not None}
        file.write_text(json.dumps(kept), encoding="utf-8")  # JSON is YAML
        return file

    return written


@pytest.fixture
def small(write: Callable[..., Path]) -> Callable[..., Sweep]:
    """Reads the sweep with the given keys in place of its own."""
    return lambda **keys: read_sweep(write(**keys))
