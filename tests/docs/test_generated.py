"""Docs cannot drift: generated blocks are current and links lead somewhere."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "testbeds/catalog/pocket/README.md"]


def test_generated_blocks_are_current() -> None:
    generate = runpy.run_path(str(ROOT / "docs/generate.py"))
    assert generate["stale"]() == [], "run `make docs`"


def test_an_old_block_is_noticed() -> None:
    generate = runpy.run_path(str(ROOT / "docs/generate.py"))
    old = "<!-- generated:sets -->\n| set |\n<!-- /generated -->"
    assert "blackbox" in generate["generated"](old)


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    prose = re.sub(r"`[^`\n]*`", "", path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#]+)\)", prose):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
