"""A malformed testbed gets one clear error: it names the file and the key, nothing is started, nothing is executed."""

import os
import pickle
import resource
import time
from pathlib import Path

import pytest
import yaml
from makers import PWNED, Trap
from rich.text import Text
from table import Case, groups, refusal, spoil, write_bed
from watch import watched

from cordelia.contracts.errors import ContentError
from cordelia.testbeds.find import load_testbed

SECONDS = 1.0
MEGABYTES = 100
CASES = [pytest.param(case, id=case.what.replace(" ", "-")) for group in groups() for case in group.cases]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The valid testbed; what a hostile one writes without a path would lie beside it."""
    monkeypatch.chdir(tmp_path)
    return write_bed(tmp_path)


def listing(root: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in root.rglob("*")}


def test_the_valid_testbed_is_taken(folder: Path) -> None:
    assert refusal(Case(what="nothing", says=""), folder) is None
    assert refusal(Case(what="nothing", says="", door="certify"), folder) is None


@pytest.mark.parametrize("case", CASES)
def test_it_gets_one_clear_error(case: Case, folder: Path) -> None:
    spoil(case, folder)
    before, memory, started = listing(folder.parent), _megabytes(), time.process_time()
    with watched() as seen:
        error = refusal(case, folder)
    assert time.process_time() - started < SECONDS
    assert _megabytes() - memory < MEGABYTES
    assert seen == [], "something was started, executed, imported or written"
    assert listing(folder.parent) == before
    assert error is not None, "it was taken"
    said = str(error)
    assert case.says in said
    assert said.isprintable() and len(said) < 800, "one line, and not a long one"
    assert Text.from_markup(error.message).plain == said, "inspect prints it as it is"
    named = case.error or case.file
    if named:
        assert isinstance(error, ContentError)
        assert error.path == (folder / named if not named.startswith("site_") else folder.parent / named)
        assert error.key == case.key
        assert said.startswith(f"{error.path}: ")


def test_the_cases_are_different() -> None:
    names = [case.what for group in groups() for case in group.cases]
    assert len(set(names)) == len(names) >= 60


def test_the_traps_would_spring(folder: Path) -> None:
    """The trapped files do what they are there for when they are read carelessly, and the watch sees it."""
    with watched() as seen:
        pickle.loads(pickle.dumps(Trap()))
    assert Path(PWNED).exists()
    assert any(event.startswith("pickle.find_class") for event in seen)
    assert any(event.startswith("os.system") for event in seen)
    Path(PWNED).unlink()
    yaml.unsafe_load("title: !!python/object/apply:os.system ['touch PWNED']")
    assert Path(PWNED).exists()
    with watched() as seen:
        (folder / "new").write_text("x")
    assert seen == [f"open {folder / 'new'} for writing"]


ODD = {
    "a byte order mark": ("testbed.yaml", b"name: bed", b"\xef\xbb\xbfname: bed"),
    "line ends of another system": ("testbed.yaml", b"\n", b"\r\n"),
    "a title of no": ("testbed.yaml", b"A bed for tests", b"no"),
    "a title that is a date": ("testbed.yaml", b"A bed for tests", b"2026-11-21"),
    "a title that looks like markup": ("testbed.yaml", b"A bed for tests", b"'[/b] [red]a bed[/] :smile:'"),
    "yes for true": ("organisms.yaml", b"control: true", b"control: yes"),
    "on in quotes": ("effects.yaml", b"on:", b"'on':"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_and_right_is_taken(name: str, folder: Path) -> None:
    file, old, new = ODD[name]
    path = folder / file
    path.write_bytes(path.read_bytes().replace(old, new))
    assert refusal(Case(what=name, says="", door="certify"), folder) is None


def test_a_link_inside_the_folder_is_followed(folder: Path) -> None:
    (folder / "hidden.md").rename(folder / "moved.md")
    (folder / "hidden.md").symlink_to(folder / "moved.md")
    (folder.parent / "elsewhere").symlink_to(folder)
    assert refusal(Case(what="a link", says="", testbed="ROOT/elsewhere"), folder) is None


@pytest.mark.skipif(os.getuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(folder: Path) -> None:
    (folder / "brief.md").chmod(0)
    error = refusal(Case(what="no permission", says=""), folder)
    assert "brief.md: cannot be read: Permission denied" in str(error)


def test_the_folder_is_read_once_more_when_it_changes(folder: Path) -> None:
    """Checks are remembered by the files' time of change, so an adapter that is spoilt later is noticed."""
    assert refusal(Case(what="nothing", says=""), folder) is None
    weights = folder / "adapters/fir/adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert "cut off" in str(refusal(Case(what="cut", says=""), folder))
    assert load_testbed(str(folder)).name == "bed"


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
