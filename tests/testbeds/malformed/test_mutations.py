"""Whatever becomes of a testbed's files, it is valid or gets one error of ours; never another exception, or more.

The valid testbed is changed at random (the same changes every time): keys deleted, renamed and doubled, values replaced
by odd ones, bytes of any file spliced.
"""

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console
from table import Case, machine, refusal, write_bed
from watch import watched

from cordelia.cli import listing
from cordelia.contracts.plain import plain_yaml
from cordelia.testbeds.adapter import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from cordelia.testbeds.find import read_testbed

YAML_FILES = ["testbed.yaml", "organisms.yaml", "truth.yaml", "effects.yaml"]
FILES = [*YAML_FILES, "brief.md", "hidden.md", f"adapters/fir/{ADAPTER_CONFIG}", f"adapters/fir/{ADAPTER_WEIGHTS}"]
PLAIN = [None, True, False, 0, -1, 7, 0.5, 1e300, 2**70, [], {}, [[]], ["dev"], {"a": 1}, {"all": ["a"]}, [1, None]]
TEXTS = ["", " ", "no", "null", "dev", "ash", "small", "a.b", "é", "\u202e", "\x1b", "\0", "0" * 64, "[/b]", "~", "C:"]
PATHS = ["../bed/brief.md", "/etc/passwd", "brief.md", "adapters", "effects.yaml", "x" * 300]
PATTERNS = ["(a|aa)+$", "(", ".*", "[[", "(?P<a>", "\\"]
TREES = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ODD = st.sampled_from([*PLAIN, *TEXTS, *PATHS, *PATTERNS]) | st.text(max_size=20) | st.integers() | TREES
BITS = [b"\0", b"\t", b"\n", b"\n\n", b"- ", b": ", b"{", b"[", b"'", b'"', b"|", b"9" * 30, b"\xff", b"\xed\xa0\x80"]
SIGNS = [b"&a ", b"*a", b"<<: ", b"---\n", b"%TAG ! x\n", b"!!python/name:os.system ", b"\xef\xbb\xbf"]
BYTES = st.sampled_from([*BITS, *SIGNS]) | st.binary(max_size=12)


# the same examples every time; CORDELIA_MUTATIONS=5000 tries as many, and others each time
EXAMPLES = int(os.environ.get("CORDELIA_MUTATIONS", "0"))
SETTINGS = settings(
    max_examples=EXAMPLES or 400,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("mutations")
        patch.chdir(root)
        yield write_bed(root)
        assert {path.name for path in root.iterdir()} == {"bed", "cache", "site_one", "site_two"}


def check(folder: Path, file: str, data: bytes) -> None:
    """Try the testbed with other bytes in one of its files."""
    path = folder / file
    before = path.read_bytes()
    path.write_bytes(data)
    try:
        with watched() as seen:
            error = refusal(Case(what=file, says="", door="certify"), folder)
        assert seen == []
        if error is not None:
            assert str(error).isprintable() and len(str(error)) < 1_000
            return
        with machine(folder.parent, []):
            bed = read_testbed(folder)
        for table in (listing.testbed_table([bed]), listing.organism_table([bed])):
            Console(file=io.StringIO()).print(table)
    finally:
        path.write_bytes(before)


def places(data: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """The way to each value in a tree, its root first."""
    found = [path]
    entries = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in entries:
        found += places(value, (*path, key))
    return found


def changed(data: object, path: tuple[object, ...], how: str, odd: object) -> object:
    """A tree of which the value at `path` is deleted, replaced, renamed or doubled."""
    if not path:
        return odd if how == "replace" else data
    key, rest = path[0], path[1:]
    if isinstance(data, list):
        items = list(data)
        if rest or how == "replace":
            items[key] = changed(items[key], rest, how, odd)  # type: ignore[call-overload]
        elif how == "delete":
            del items[key]  # type: ignore[arg-type]
        else:
            items.append(odd)
        return items
    assert isinstance(data, dict)
    entries = dict(data)
    if rest or how == "replace":
        entries[key] = changed(entries[key], rest, how, odd)
        return entries
    value = entries.pop(key)
    if how in {"rename", "double"}:
        entries[odd if isinstance(odd, str) else f"{key}s"] = value
    return {**entries, key: value} if how == "double" else entries


@SETTINGS
@given(data=st.data())
def test_a_tree_that_was_changed_is_valid_or_refused(folder: Path, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(YAML_FILES))
    tree = plain_yaml((folder / file).read_text(encoding="utf-8"))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(places(tree)))
        how = data.draw(st.sampled_from(["delete", "replace", "rename", "double"]))
        tree = changed(tree, path, how, data.draw(ODD))
    check(folder, file, json.dumps(tree).encode())


@SETTINGS
@given(data=st.data())
def test_bytes_that_were_spliced_are_valid_or_refused(folder: Path, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(FILES))
    raw = (folder / file).read_bytes()
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(raw)))
        end = data.draw(st.integers(start, min(len(raw), start + 40)))
        raw = raw[:start] + data.draw(BYTES) + raw[end:]
    check(folder, file, raw)
