"""Fixtures of the scorers' tests."""

import sys
from pathlib import Path

import pytest

# tests are imported by path (importlib mode), so what they share has to be put on the path
sys.path.insert(0, str(Path(__file__).parent))

from labelled_toys import reports_of_dev, reports_of_test, write
from scorer_toys import Audit, write_testbed


@pytest.fixture
def bed(tmp_path: Path) -> Path:
    return write_testbed(tmp_path / "toy")


@pytest.fixture
def audit(bed: Path, tmp_path: Path) -> Audit:
    return Audit(bed=bed, log_dir=tmp_path / "logs")


@pytest.fixture
def labelled(bed: Path, tmp_path: Path) -> Path:
    """A folder of labelled reports about the toy testbed: six of dev, two of test."""
    return write(tmp_path / "labelled", reports_of_dev(bed), reports_of_test(bed))
