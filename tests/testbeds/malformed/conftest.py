"""Puts the table of cases on the path, and tries the valid testbed once: what is imported lazily is then imported."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from table import Case, refusal, write_bed


@pytest.fixture(scope="session", autouse=True)
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert "\0".encode("unicode_escape")  # codecs are modules
    folder = write_bed(tmp_path_factory.mktemp("warm"))
    for door in ("audit", "certify"):
        assert refusal(Case(what="nothing", says="", door=door), folder) is None
    text = (folder / "testbed.yaml").read_text(encoding="utf-8")
    for other in (text.partition("    package:")[0], "name: é\n"):  # a base of the hub; an error
        (folder / "testbed.yaml").write_text(other, encoding="utf-8")
        refused = refusal(Case(what="another", says=""), folder)
    assert refused is not None
