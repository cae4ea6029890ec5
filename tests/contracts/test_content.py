"""Content files are read strictly, and what is wrong with one is said with the file and the key."""

from pathlib import Path

import pytest

from cordelia.contracts.content import Content, load, read_text, read_yaml
from cordelia.contracts.errors import ContentError, CordeliaError, MissingExtraError, unknown_name


class Leaf(Content):
    size: int
    colour: str = "green"


class Tree(Content):
    name: str
    leaf: Leaf | None = None
    leaves: dict[str, Leaf] = {}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tree.yaml"


def refusal(path: Path, text: str) -> ContentError:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContentError) as caught:
        load(Tree, path)
    assert str(caught.value).startswith(str(path)), "the file is named first"
    return caught.value


def test_a_right_file_is_read(path: Path) -> None:
    path.write_text("name: elm\nleaves: {a: {size: 1}, b: {size: 2, colour: red}}\n", encoding="utf-8")
    tree = load(Tree, path)
    assert tree.leaves == {"a": Leaf(size=1), "b": Leaf(size=2, colour="red")}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: elm\nname: oak\n", "the key 'name' stands twice (line 2, column 1)"),
        ("name: elm\nleaf: {size: 1, size: 2}\n", "the key 'size' stands twice (line 2, column 17)"),
        ("name: &n elm\nleaf: {size: 1, colour: *n}\n", "aliases (*name) are not allowed"),
        ("base: &b {size: 1}\nleaf: {<<: *b}\n", "aliases (*name) are not allowed"),
        ("name: [elm\n", "expected ',' or ']'"),
        ("name: elm\x07\n", "not YAML"),
        ("name: 2024-99-99\n", "not YAML"),
    ],
)
def test_what_strict_yaml_refuses(path: Path, text: str, says: str) -> None:
    assert says in str(refusal(path, text))


@pytest.mark.parametrize(
    "tagged",
    [
        "!!python/object:pathlib.Path {}",
        "!!python/object/apply:os.system ['touch pwned']",
        "!!python/name:os.system",
        "!mine elm",
        "!!timestamp soon",
        "!!bool perhaps",
        "!!int ''",
    ],
)
def test_no_tag_is_obeyed(path: Path, monkeypatch: pytest.MonkeyPatch, tagged: str) -> None:
    monkeypatch.chdir(path.parent)
    error = refusal(path, f"name: {tagged}\n")
    assert "tag" in str(error) and "line 1" in str(error)
    assert [file.name for file in path.parent.iterdir()] == ["tree.yaml"]


@pytest.mark.parametrize(
    ("text", "key", "says"),
    [
        ("name: elm\nheight: 3\n", "height", "unknown key. Known keys: leaf, leaves, name"),
        ("name: elm\nleaf: {size: 1, shape: x}\n", "leaf.shape", "unknown key. Known keys: colour, size"),
        ("name: elm\nleaves: {a: {size: 1, shape: x}}\n", "leaves.a.shape", "unknown key. Known keys: colour, size"),
        ("name: elm\nleaves: {leaf: {size: 1, x: 1}}\n", "leaves.leaf.x", "unknown key. Known keys: colour, size"),
        ("leaf: {size: 1}\n", "name", "this key is missing"),
        ("name: elm\nleaf: {colour: red}\n", "leaf.size", "this key is missing"),
        ("name: elm\nleaf: {size: big}\n", "leaf.size", "valid integer"),
        ("name: 3\n", "name", "valid string"),
        ("- elm\n", "top level", "valid dictionary"),
        ("", "top level", "valid dictionary"),
        ("leaf: {}\nx: 1\n", "name", "(and 2 more)"),
    ],
)
def test_what_the_schema_refuses(path: Path, text: str, key: str, says: str) -> None:
    error = refusal(path, text)
    assert error.key == key
    assert f": {key}: " in str(error)
    assert says in str(error)


def test_a_missing_file(path: Path) -> None:
    with pytest.raises(ContentError, match="this file is missing") as caught:
        load(Tree, path)
    assert caught.value.path == path
    with pytest.raises(ContentError, match="this file is missing"):
        read_text(path.parent)


def test_a_file_that_is_not_utf8(path: Path) -> None:
    path.write_bytes("name: \u00e9lm\n".encode("latin-1"))
    with pytest.raises(ContentError, match=r"tree\.yaml: not UTF-8 \(byte 6\)"):
        load(Tree, path)


def test_a_file_that_is_too_large(path: Path) -> None:
    path.write_text("name: elm\n", encoding="utf-8")
    assert read_text(path, limit=10) == "name: elm\n"
    with pytest.raises(ContentError, match=r"tree\.yaml: larger than 9 bytes"):
        read_text(path, limit=9)


def test_yaml_that_nests_without_end_is_refused(path: Path) -> None:
    path.write_text("[" * 50_000, encoding="utf-8")
    with pytest.raises(ContentError, match="not YAML"):
        read_yaml(path)


def test_an_unknown_name_gets_the_nearest_and_then_all() -> None:
    assert str(unknown_name("tree", "elmm", ["oak", "elm", "ash"])) == (
        "There is no tree 'elmm'. Did you mean 'elm'? Known: ash, elm, oak."
    )
    assert "Did you mean" not in str(unknown_name("tree", "submarine", ["oak", "elm"]))
    assert str(unknown_name("tree", "elmm", ["elm"], "the wood")).startswith("There is no tree 'elmm' in the wood. Did")
    assert str(unknown_name("tree", "x", [])) == "There is no tree 'x'. Known: none."


def test_errors_are_one_kind_that_inspect_prints_without_a_traceback() -> None:
    from inspect_ai._util.error import PrerequisiteError

    for error in (
        ContentError(Path("f"), "p"),
        MissingExtraError("This", "local", "torch"),
        unknown_name("a", "b", []),
    ):
        assert isinstance(error, CordeliaError) and isinstance(error, PrerequisiteError)
        assert str(error)


def test_known_keys_are_those_of_the_model_that_has_the_unknown_one(tmp_path: Path) -> None:
    """Also where a key of a mapping has the name of a field."""

    class Inner(Content):
        deep: int = 0

    class Item(Content):
        size: int = 0
        items: Inner = Inner()

    class Outer(Content):
        items: dict[str, Item] = {}
        title: str = ""

    path = tmp_path / "f.yaml"
    for text, known in (
        ("items: {items: {sizes: 1}}", "items, size"),
        ("items: {a: {items: {depth: 1}}}", "deep"),
        ("titles: x", "items, title"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ContentError, match=f"Known keys: {known}$"):
            load(Outer, path)
