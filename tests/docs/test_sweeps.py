"""docs/sweeps.md shows a file that reads, and its table has every key."""

import re
from pathlib import Path

from cordelia.sweeps.cells import cells_of
from cordelia.sweeps.schema import Auditor, Bed, Budget, Sweep, read_sweep

TEXT = (Path(__file__).parents[2] / "docs/sweeps.md").read_text(encoding="utf-8")


def test_the_file_in_the_docs_reads(tmp_path: Path) -> None:
    block = re.search(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert block
    file = tmp_path / "which-tools.yaml"
    file.write_text(block[1], encoding="utf-8")
    cells = cells_of(read_sweep(file))
    assert len(cells) == 2 * 3 * 2
    assert len({cell.server for cell in cells}) == 2


def test_the_table_has_every_key() -> None:
    words = set(re.findall(r"`(\w+)`", TEXT)) | set(re.findall(r"^(\w+):", TEXT, re.MULTILINE))
    assert {*Sweep.model_fields, *Auditor.model_fields, *Bed.model_fields, *Budget.model_fields} <= words
