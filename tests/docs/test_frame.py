"""The page about the frame names every column, and no other."""

import re
from pathlib import Path

from cordelia.scoreboard.columns import AUDITS

PAGE = Path(__file__).parents[2] / "docs" / "frame.md"


def test_every_column_is_told() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## Columns")[2]
    lines = [line for line in table.splitlines() if line.startswith("| `")]
    told = [name for line in lines for name in re.findall(r"`([^`]+)`", line.split("|")[1])]
    assert sorted(told) == sorted(AUDITS)
