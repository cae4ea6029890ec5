"""What the tests of auditors and affordances share."""

import sys
from pathlib import Path

# pytest's importlib mode leaves the folders of tests off the path
sys.path.insert(0, str(Path(__file__).parent))

import pytest
from inside_fake import InsideBackend, install_inside


@pytest.fixture
def inside_backend(monkeypatch: pytest.MonkeyPatch) -> list[InsideBackend]:
    """Registers the backend `fake` with an inside; gives every instance that was made."""
    return install_inside(monkeypatch)
