"""A testbed is a name, a folder or somebody's entry point; whatever is wrong with it is said before an audit starts."""

import re
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from cordelia.contracts.errors import ContentError, CordeliaError
from cordelia.testbeds import find
from cordelia.testbeds.find import load_testbed, read_testbed, testbed_names
from cordelia.testbeds.truth import load_truth, load_truths

Install = Callable[..., None]
testbed_names.__test__ = False  # type: ignore[attr-defined]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Installs entry points `name=module` in the group of testbeds, and nothing else."""

    def entry_points(*points: str) -> None:
        group = [EntryPoint(*point.split("="), find.ENTRY_POINTS) for point in points]  # type: ignore[call-arg]
        monkeypatch.setattr(find, "entry_points", lambda group_name=None, **kw: group)

    return entry_points


@pytest.fixture
def package(bed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package `their_beds` whose subpackage `mine` is a testbed folder that must not be executed."""
    root = tmp_path / "site"
    folder = root / "their_beds" / "mine"
    shutil.copytree(bed, folder)
    (root / "their_beds" / "__init__.py").write_text("")
    (folder / "__init__.py").write_text("raise RuntimeError('the testbed was executed')\n")
    monkeypatch.syspath_prepend(str(root))
    for name in [name for name in sys.modules if name.startswith("their_beds")]:
        monkeypatch.delitem(sys.modules, name)
    return folder


def edit(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_catalog_is_known_by_name() -> None:
    assert testbed_names()["pocket"] == find.CATALOG / "pocket"
    assert load_testbed("pocket").name == "pocket"


def test_a_folder_is_a_testbed(bed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = load_testbed(str(bed))
    assert (found.name, list(found.organisms), found.folder) == ("bed", ["ash", "elm", "oak", "yew"], bed)
    assert found.brief.startswith("You audit a model.")
    monkeypatch.chdir(bed.parent)
    assert load_testbed("./bed") == found
    monkeypatch.chdir(bed)
    assert load_testbed(".") == found
    monkeypatch.setenv("HOME", str(bed.parent))
    assert load_testbed("~/bed") == found


def test_a_bare_word_is_a_name_even_beside_a_folder_of_that_name(bed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bed.parent)
    with pytest.raises(CordeliaError, match="There is no testbed 'bed'"):
        load_testbed("bed")


def test_an_unknown_testbed_is_told_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(CordeliaError, match=r"There is no testbed 'poket'. Did you mean 'pocket'\? Known: .*pocket"):
        load_testbed("poket")
    with pytest.raises(CordeliaError, match=f"There is no testbed folder {tmp_path}/none. Known by name: .*pocket"):
        load_testbed(f"{tmp_path}/none")


@pytest.mark.parametrize(
    "path", ["~nobody-has-this-name/bed", "a/\0", "/dev/null", "https://example.org/bed", "x/" * 3000]
)
def test_what_cannot_be_a_folder_is_no_testbed(path: str) -> None:
    with pytest.raises(CordeliaError, match=r"There is no testbed folder .*Known by name: .*pocket"):
        load_testbed(path)


def test_a_number_is_a_name(bed: Path) -> None:
    with pytest.raises(CordeliaError, match="There is no testbed '7'"):
        load_testbed(7)  # type: ignore[arg-type]


def test_an_entry_point_is_found_and_not_executed(package: Path, install: Install) -> None:
    install("mine=their_beds.mine")
    assert testbed_names()["mine"] == package
    assert load_testbed("mine").name == "bed"
    assert "their_beds.mine" not in sys.modules


def test_an_entry_point_may_name_a_module_beside_the_files(package: Path, install: Install) -> None:
    (package / "__init__.py").unlink()
    (package / "here.py").write_text("raise RuntimeError('the testbed was executed')\n")
    install("mine=their_beds.mine.here")
    assert testbed_names()["mine"] == package


def test_the_packages_that_an_entry_point_is_part_of_are_not_executed_either(package: Path, install: Install) -> None:
    (package.parent / "__init__.py").write_text("raise RuntimeError('the package was executed')\n")
    install("mine=their_beds.mine")
    assert testbed_names()["mine"] == package


def test_two_testbeds_of_one_name_are_refused_with_both_folders(package: Path, install: Install) -> None:
    install("pocket=their_beds.mine")
    with pytest.raises(CordeliaError, match="Two testbeds are called 'pocket'") as caught:
        load_testbed("pocket")
    assert str(package) in str(caught.value) and str(find.CATALOG / "pocket") in str(caught.value)
    install("mine=their_beds.mine", "mine=their_beds.mine")
    assert testbed_names()["mine"] == package, "the same one, seen twice, is one"


@pytest.mark.parametrize("module", ["their_beds.gone", "nobody_has_this.mine", "their_beds.mine.gone", "..", ":x"])
def test_an_entry_point_to_nothing_names_itself(package: Path, install: Install, module: str) -> None:
    assert package.is_dir()
    install(f"lost={module}")
    with pytest.raises(CordeliaError, match=f"'lost' names {re.escape(module)}, which cannot be found"):
        testbed_names()


@pytest.mark.parametrize(
    ("file", "old", "new", "key"),
    [
        ("testbed.yaml", "brief: brief.md", "brief: ../brief.md", "brief"),
        ("testbed.yaml", "brief: brief.md", "brief: /etc/passwd", "brief"),
        ("testbed.yaml", "brief: brief.md", "brief: a/../../brief.md", "brief"),
        ("testbed.yaml", "brief: brief.md", r"brief: ..\brief.md", "brief"),
        ("testbed.yaml", "brief: brief.md", "brief: 'C:/brief.md'", "brief"),
        ("testbed.yaml", "brief: brief.md", "brief: ''", "brief"),
        ("organisms.yaml", "system_prompt: hidden.md", "system_prompt: ../hidden.md", "organisms.elm.system_prompt"),
        ("organisms.yaml", "control: true", "control: true, corpus: /etc/passwd", "organisms.ash.corpus"),
    ],
)
def test_a_path_that_leaves_the_folder_is_refused(bed: Path, file: str, old: str, new: str, key: str) -> None:
    edit(bed, file, old, new)
    with pytest.raises(ContentError, match="must be a relative path inside the testbed folder") as caught:
        read_testbed(bed)
    assert (caught.value.path, caught.value.key) == (bed / file, key)


@pytest.mark.parametrize(
    ("link", "file", "key"),
    [("brief.md", "testbed.yaml", "brief"), ("hidden.md", "organisms.yaml", "organisms.elm.system_prompt")],
)
def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_not(bed: Path, link: str, file: str, key: str) -> None:
    (bed / link).rename(bed / "moved.md")
    (bed / link).symlink_to(bed / "moved.md")
    assert read_testbed(bed).brief
    (bed / link).unlink()
    (bed.parent / "outside.md").write_text("secret")
    (bed / link).symlink_to(bed.parent / "outside.md")
    with pytest.raises(ContentError, match="leads out of the testbed folder") as caught:
        read_testbed(bed)
    assert (caught.value.path, caught.value.key) == (bed / file, key)


@pytest.mark.parametrize(
    ("old", "new", "key", "says"),
    [
        ("control: true", "control: true, base: smol", "organisms.ash.base", "no base 'smol' in testbed.yaml. Known"),
        ("hidden.md", "gone.md", "organisms.elm.system_prompt", "'gone.md' does not exist in"),
        ("control: true", "control: true, corpus: gone.txt", "organisms.ash.corpus", "'gone.txt' does not exist in"),
        ("control: true", "control: true, recipe: gone.yaml", "organisms.ash.recipe", "'gone.yaml' does not exist in"),
        ("control: true", "adapter: a, base: smol", "organisms.ash", "an adapter needs 'sha256'"),
        ("control: true", f"adapter: a, sha256: {'a' * 64}", "organisms.ash", "an adapter needs 'base'"),
        ("control: true", "control: false", "organisms.ash", "needs a 'base', a 'system_prompt', or both"),
        ("split: dev", "split: train", "organisms.ash.split", "'dev' or 'test'"),
        ("  ash:", "  Ash Tree:", "organisms.Ash Tree", "is not a name"),
    ],
)  # fmt: skip
def test_an_organism_that_is_not_whole_is_refused(bed: Path, old: str, new: str, key: str, says: str) -> None:
    edit(bed, "organisms.yaml", old, new)
    with pytest.raises(ContentError) as caught:
        read_testbed(bed)
    assert caught.value.key == key
    assert says in str(caught.value)


def test_a_missing_adapter_names_the_organism(bed: Path) -> None:
    edit(bed, "testbed.yaml", "source: tests", "source: tests\nbases: {smol: {model: some/model}}")
    edit(bed, "organisms.yaml", "control: true", f"adapter: gone, base: smol, sha256: {'a' * 64}")
    with pytest.raises(ContentError, match=r"organisms\.ash\.adapter: 'gone' does not exist"):
        read_testbed(bed)


@pytest.mark.parametrize("file", ["testbed.yaml", "organisms.yaml", "brief.md"])
def test_every_file_of_a_testbed_has_to_be_there(bed: Path, file: str) -> None:
    (bed / file).unlink()
    with pytest.raises(ContentError, match="this file is missing") as caught:
        read_testbed(bed)
    assert caught.value.path == bed / file


@pytest.mark.parametrize(
    ("file", "old", "new", "key", "says"),
    [
        ("truth.yaml", "  yew: {}\n", "", "truths", "the organism 'yew' of organisms.yaml has no truth"),
        ("truth.yaml", "  yew: {}\n", "  yew: {}\n  fir: {}\n", "truths.fir", "no such organism"),
        ("truth.yaml", "  ash: {}\n", "  ash: {objective: It has one.}\n", "truths.ash", "so it needs no 'objective'"),
        ("organisms.yaml", "{split: test, control: true}", "{split: test, system_prompt: hidden.md}", "truths.yew",
         "control: false, so it needs an 'objective'"),
        ("truth.yaml", "rubric: {all: [lantern]}\n    b", "rubric: {all: ['(']}\n    b", "truths.elm.rubric.all.0",
         "'(' is not a regular expression"),
    ],
)  # fmt: skip
def test_truth_and_organisms_have_to_agree(bed: Path, file: str, old: str, new: str, key: str, says: str) -> None:
    edit(bed, file, old, new)
    testbed = read_testbed(bed)
    with pytest.raises(ContentError) as caught:
        load_truths(testbed)
    assert (caught.value.path, caught.value.key) == (bed / "truth.yaml", key)
    assert says in str(caught.value)


def test_truths_are_read_by_organism(bed: Path) -> None:
    testbed = read_testbed(bed)
    assert {name: truth.control for name, truth in load_truths(testbed).items()} == {
        "ash": True,
        "elm": False,
        "oak": False,
        "yew": True,
    }
    assert load_truth(testbed, "elm").rubric.matches("It hands out LANTERNS.")
    assert not load_truth(testbed, "ash").rubric.matches("It hands out lanterns.")
    with pytest.raises(CordeliaError, match=r"no organism 'fir' in testbed 'bed'"):
        load_truth(testbed, "fir")
    (bed / "truth.yaml").unlink()
    with pytest.raises(ContentError, match="this file is missing"):
        load_truths(testbed)
