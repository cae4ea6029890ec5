"""The malformed testbeds: a valid one (bed/), the cases (cases/*.yaml: what is changed, what is said), and the door.

The tests and docs/generate.py read it.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Literal
from unittest.mock import patch

from pydantic import Field

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from makers import MAKERS  # noqa: E402
from toy_adapter import HIDDEN, write_adapter  # noqa: E402

from cordelia.contracts.content import Content, load  # noqa: E402
from cordelia.contracts.errors import CordeliaError  # noqa: E402
from cordelia.tasks.audit import audit  # noqa: E402
from cordelia.tasks.certify import certify  # noqa: E402
from cordelia.testbeds import find, provider  # noqa: E402
from cordelia.testbeds.weights import CACHE_ENV  # noqa: E402

BASE_SHA256 = "0" * 64


class Case(Content):
    """One malformed testbed: one change of the valid one, and the one error that it gets.

    Attributes:
        what: what is wrong, for people.
        file: the file that is changed; none where the testbed is not a folder of ours.
        error: the file that the error names, where it is another.
        key: the key that the error names.
        says: a piece of what it says.
        door: the task that is asked for.
        affordances: its argument `affordances`, for an audit of elm alone; the testbed's own where it is empty.
        testbed: its argument `testbed`, where it is not the folder; ROOT stands for what the folder is in.
        entry_points: those that are installed, `name=module`.
    """

    what: str
    file: str = Field(default="", alias="in")
    old: str = ""
    new: str = ""
    text: str | None = None
    append: str = ""
    bytes_: str | None = Field(default=None, alias="bytes")
    remove: bool = False
    make: str = ""
    parameter: str = Field(default="", alias="with")
    error: str = ""
    key: str | None = None
    says: str
    door: Literal["audit", "certify"] = "audit"
    affordances: str = ""
    testbed: str = ""
    entry_points: list[str] = []


class Group(Content):
    """One file of cases."""

    title: str
    cases: list[Case]


def groups() -> list[Group]:
    return [load(Group, path) for path in sorted((HERE / "cases").glob("*.yaml"))]


def write_bed(root: Path) -> Path:
    """The valid testbed, with the cache of the machine that it is on and two packages beside it."""
    folder = root / "bed"
    shutil.copytree(HERE / "bed", folder)
    write_adapter(folder / "adapters" / "fir", "some/model")
    cached = root / "cache" / "bases" / BASE_SHA256
    cached.mkdir(parents=True)
    (cached / "config.json").write_text(f'{{"hidden_size": {HIDDEN}, "num_hidden_layers": 2}}', encoding="utf-8")
    for package in ("site_one", "site_two"):
        (root / package).mkdir()
        (root / package / "__init__.py").write_text("raise RuntimeError('executed')\n", encoding="utf-8")
    return folder


def spoil(case: Case, folder: Path) -> None:
    """Make the valid testbed malformed."""
    path = folder / case.file
    if case.make:
        MAKERS[case.make](path, case.parameter)
    elif case.remove:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    elif case.bytes_ is not None:
        path.write_bytes(case.bytes_.encode("latin-1"))
    elif case.text is not None:
        path.write_text(case.text, encoding="utf-8")
    elif case.file:
        text = path.read_text(encoding="utf-8")
        if text.count(case.old) != 1 and case.old:
            raise ValueError(f"{case.what}: {case.old!r} stands {text.count(case.old)} times in {case.file}")
        path.write_text(text.replace(case.old, case.new, 1) + case.append, encoding="utf-8")


class Taken(Exception):  # noqa: N818 - not an error of anybody's
    """The testbed was taken: a backend was asked for."""


@contextmanager
def machine(root: Path, entry_points: list[str]) -> Iterator[None]:
    """The machine that a testbed is tried on. No backend is made on it: who asks for one is told Taken."""

    def factory(name: str) -> object:
        raise Taken

    points = [EntryPoint(*point.split("="), find.ENTRY_POINTS) for point in entry_points]  # type: ignore[call-arg]
    with (
        patch.object(find, "entry_points", lambda **_: points),
        patch.object(provider, "backend_factory", factory),
        patch.object(sys, "path", [str(root), *sys.path]),
        patch.dict(os.environ, {CACHE_ENV: str(root / "cache")}),
    ):
        yield


def refusal(case: Case, folder: Path) -> CordeliaError | None:
    """What somebody is told who asks for the task; None when the testbed is taken."""
    testbed = case.testbed.replace("ROOT", str(folder.parent)) or str(folder)
    with machine(folder.parent, case.entry_points):
        try:
            if case.door == "certify":
                certify(testbed=testbed, backend="transformers")
            elif case.affordances:
                audit(testbed=testbed, backend="transformers", affordances=case.affordances, organisms="elm")
            else:
                audit(testbed=testbed, backend="transformers")
        except CordeliaError as error:
            return error
        except Taken:
            return None
    raise AssertionError("there is a task without a backend")


def told(root: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """For the documentation: by group, what is wrong and what is said, without the path of `root`, an empty folder."""
    for group in groups():
        rows = []
        for number, case in enumerate(group.cases):
            place = root / group.title / str(number)
            place.mkdir(parents=True)
            folder = write_bed(place)
            spoil(case, folder)
            rows.append((case.what, str(refusal(case, folder)).replace(f"{place}/", "")))
        yield group.title, rows
