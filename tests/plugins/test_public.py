"""The public names: each exists, is documented, and nothing heavy comes with the package itself."""

import subprocess
import sys
from pathlib import Path

import pytest

import cordelia

ROOT = Path(__file__).parent.parent.parent


def test_every_public_name_is_there_and_says_what_it_is() -> None:
    for name in cordelia.__all__:
        assert (getattr(cordelia, name).__doc__ or "").strip(), name
        if not name.startswith("__"):
            assert name in (ROOT / "docs/extending.md").read_text(encoding="utf-8"), name


def test_what_is_not_public_says_what_is() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'Targett'. Public names: .*\bTarget\b"):
        _ = cordelia.Targett  # type: ignore[attr-defined]


def test_the_package_alone_loads_nothing() -> None:
    script = "import sys, cordelia; print([m for m in ('inspect_ai', 'pydantic', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
