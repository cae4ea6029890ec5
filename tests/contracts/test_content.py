"""Content files are read strictly, and what is wrong with one is said with the file and the key."""

import os
from pathlib import Path

import pytest
import yaml

from cordelia.contracts import plain
from cordelia.contracts.content import Content, load, read_json, read_text, read_yaml
from cordelia.contracts.errors import ContentError, CordeliaError, MissingExtraError, unknown_name
from cordelia.contracts.names import as_list
from cordelia.testbeds.find import CATALOG


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
        ("name: elm\n---\nname: oak\n", "a second document begins; a file holds one, so leave the '---' out (line 2"),
        ("%YAML 1.1\n---\nname: elm\n", "directives (%…) are not allowed; leave the line out (line 1, column 1)"),
        ("name: elm\n7: x\n", "a key must be text; put quotes around it: '7' (line 2, column 1)"),
        ("name: elm\n? [a]\n: x\n", "a key must be text, not a list or a map (line 2, column 3)"),
        ("name: elm\nleaves: " + "{a: " * 50, "nested more than 40 deep"),
        ("name: [" + "1," * 60_000, "more than 50,000 values"),
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
        ("name: 3\n", "name", "not the number 3; put it in quotes: '3'"),
        ("- elm\n", "top level", "a map with the keys leaf, leaves, name, not a list"),
        ("", "top level", "a map with the keys leaf, leaves, name, not nothing"),
        ("leaf: {}\nx: 1\n", "name", "(and 2 more)"),
    ],
)
def test_what_the_schema_refuses(path: Path, text: str, key: str, says: str) -> None:
    error = refusal(path, text)
    assert error.key == key
    assert f": {key}: " in str(error)
    assert says in str(error)


@pytest.mark.parametrize(
    "word", ["no", "on", "1:30", "010", "0x1f", "2024-01-01", "=", "<<", ".inf", "1e999", "9" * 500]
)
def test_a_word_stays_what_was_written(path: Path, word: str) -> None:
    """YAML 1.1 makes a boolean, the number 90, a date … of these; the ':30' of a longer one takes it minutes."""
    path.write_text(f"name: {word}\nleaf: {{size: 1, {word}: x}}\n", encoding="utf-8")
    assert read_yaml(path) == {"name": word, "leaf": {"size": 1, word: "x"}}


def test_what_json_writes_is_read_as_json_reads_it(path: Path) -> None:
    path.write_text("[1, -2, 0.5, 1e-4, true, false, null, ~, '1', \"true\", ]", encoding="utf-8")
    assert read_yaml(path) == [1, -2, 0.5, 1e-4, True, False, None, None, "1", "true"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' stands twice"),
        ('{"a": NaN}', "NaN is not a number in JSON"),
        ('{"a": 1', "not JSON: Expecting ',' delimiter (line 1, column 8)"),
        ("[" * 100_000, "it nests too deep"),
        ("9" * 5_000, "not JSON that can be read"),
    ],
)
def test_what_strict_json_refuses(path: Path, text: str, says: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContentError) as caught:
        read_json(path)
    assert says in str(caught.value)


def test_a_missing_file(path: Path) -> None:
    with pytest.raises(ContentError, match="this file is missing") as caught:
        load(Tree, path)
    assert caught.value.path == path
    with pytest.raises(ContentError, match="is a folder, and a file is wanted"):
        read_text(path.parent)


def test_a_pipe_is_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(ContentError, match="is not an ordinary file"):
        read_text(path)


def test_a_byte_order_mark_and_other_line_ends_are_read_over(path: Path) -> None:
    path.write_bytes("\ufeffname: elm\r\nleaf:\r  size: 1\r\n".encode())
    assert load(Tree, path) == Tree(name="elm", leaf=Leaf(size=1))
    assert read_text(path).startswith("name")


def test_a_nul_is_refused(path: Path) -> None:
    path.write_bytes(b"name: \0")
    with pytest.raises(ContentError, match="a NUL at character 7"):
        read_text(path)


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
    with pytest.raises(ContentError, match="nested more than 40 deep"):
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


def test_an_error_is_one_line_without_what_moves_a_terminal() -> None:
    error = ContentError(Path("a\nb.yaml"), "bad \x1b[31m\u202e\ud800" + "x" * 5_000, "k\ney")
    assert str(error).startswith(r"a\nb.yaml: k\ney: bad \x1b[31m\u202e\ud800xxx")
    assert len(str(error)) < 700 and str(error).isprintable()


def test_inspect_prints_an_error_with_its_brackets() -> None:
    """It prints `message` as rich markup, in which [words] are styles."""
    from rich.text import Text

    for text in ("pip install 'cordelia[local]'", "a [/b] nobody opened", "[red]k[/red]"):
        assert Text.from_markup(CordeliaError(text).message).plain == text == str(CordeliaError(text))


def test_the_parser_in_python_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML has libyaml's parser nearly everywhere, and not where it was built without."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(CATALOG.glob("*/*.yaml"))]
    read = [plain.plain_yaml(text) for text in texts]
    monkeypatch.setattr(plain, "_LOADER", yaml.SafeLoader)
    assert read == [plain.plain_yaml(text) for text in texts]
    for wrong in ("a: [", "a: *b", "!x a", "a: 1\na: 2", "[" * 9_000, "\x07"):
        with pytest.raises(plain.NotPlainError):
            plain.plain_yaml(wrong)


def test_names_are_a_list_whatever_inspect_makes_of_them() -> None:
    assert as_list("a, b,") == as_list(["a", " b"]) == ["a", "b"]
    assert as_list(7) == ["7"]  # type: ignore[arg-type]
    assert as_list(None) == as_list("") == []


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
