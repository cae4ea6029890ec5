"""The index of meaning: exact cosines from half the bytes, resumable, one vector a passage; and a real model once."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from corpora_toys import Words, said, store

from cordelia.contracts.errors import CordeliaError, MissingExtraError
from cordelia.testbeds.corpora import embed, meaning
from cordelia.testbeds.corpora.building import MAKING
from cordelia.testbeds.corpora.embed import DEFAULT, Vectors, embedder_name, get_embedder
from cordelia.testbeds.corpora.meaning import VECTORS, Meaning, build_meaning, meaning_path
from cordelia.testbeds.corpora.passages import LONGEST, passages

ROWS = [{"text": "wool wool"}, said("silk?", "wool"), {"text": "silk"}, {"text": "stone"}, {"text": ""}]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORDELIA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(embed.EMBEDDER_ENV, raising=False)


def nearest(index: Meaning, embedder: Words, query: str, count: int = 3) -> list[int]:
    return [number for number, _, _ in index.nearest(embedder.embed([query])[0], count)]


def test_the_nearest_come_first(tmp_path: Path) -> None:
    words = Words("wool", "silk", "stone")
    index = Meaning(build_meaning(store(tmp_path, ROWS), words))
    assert nearest(index, words, "wool", 2) == [1, 2]
    assert nearest(index, words, "silk", 2) == [3, 2]
    assert len(nearest(index, words, "wool", 50)) == 5, "every document, once"
    ((_, _, similarity),) = index.nearest(words.embed(["wool wool"])[0], 1)
    assert similarity == pytest.approx(1, abs=1e-3)


def test_a_long_document_is_found_by_any_of_its_passages(tmp_path: Path) -> None:
    words = Words("wool", "stone")
    long = "stone stone. " * 300 + "wool wool wool. " + "stone stone. " * 300
    kept = store(tmp_path, [{"text": "stone"}, {"text": long}, {"text": "a wool stone"}])
    index = Meaning(build_meaning(kept, words))
    assert index.state.passages == 2 + len(passages(long))
    ((number, passage, _),) = index.nearest(words.embed(["wool"])[0], 1)[:1]
    if number == 2:
        assert "wool" in passages(long)[passage]
    assert 2 in nearest(index, words, "wool", 2)
    assert len(set(nearest(index, words, "stone", 3))) == 3


@pytest.mark.parametrize(
    "text", ["", "short", "word " * 900, "x" * 5_000, "A sentence. " * 400, ("line\n" * 90 + "\n") * 9]
)
def test_passages_leave_nothing_out(text: str) -> None:
    pieces = passages(text)
    assert "".join(pieces) == text
    assert all(len(piece) <= LONGEST for piece in pieces)
    assert len(pieces) <= 1 + 2 * len(text) // LONGEST


def test_the_cosines_are_those_of_numpy(tmp_path: Path) -> None:
    """The shifted bits are what astype gives, for every float16 that a vector can have, subnormal ones included."""
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every) & (np.abs(every.astype(np.float32)) <= 1)]
    width = 64
    rows = len(finite) // width
    (tmp_path / VECTORS).write_bytes(finite[: rows * width].tobytes())
    (tmp_path / meaning.OWNERS).write_bytes(np.arange(1, rows + 1, dtype=np.int32).tobytes())
    state = meaning.State(model="all", width=width, documents=rows, passages=rows)
    (tmp_path / meaning.STATE).write_text(state.model_dump_json(), encoding="utf-8")
    vector = np.random.default_rng(0).standard_normal(width).astype(np.float32)
    expected = finite[: rows * width].reshape(rows, width).astype(np.float32) @ vector
    np.testing.assert_allclose(Meaning(tmp_path).cosines(vector), expected, rtol=1e-5, atol=1e-5)


def test_a_killed_build_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "STEP", 10)
    rows = [{"text": f"wool {number} silk"} for number in range(45)]
    kept = store(tmp_path, rows)
    with pytest.raises(KeyboardInterrupt):
        build_meaning(kept, Words("wool", fail_after=20))
    target = meaning_path(kept.path, "words")
    assert not target.exists()
    (working,) = kept.path.parent.glob(f"{MAKING}*")
    with (working / VECTORS).open("ab") as torn:  # killed between the vectors and the note of them
        torn.write(b"half a vector")
    second = Words("wool")
    index = Meaning(build_meaning(kept, second))
    assert second.seen == [row["text"] for row in rows[20:]]
    assert list(index.owners) == list(range(1, 46))
    whole = Words("wool").embed([row["text"] for row in rows])
    np.testing.assert_allclose(index.cosines(whole[0]), whole @ whole[0], atol=2e-3)
    assert not list(kept.path.parent.glob(f"{MAKING}*"))


def test_a_model_trained_anew_in_its_folder_has_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = ModuleType("sentence_transformers")
    monkeypatch.setattr(library, "SentenceTransformer", lambda *given, **settings: None, raising=False)
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)
    monkeypatch.setattr(embed, "check_embedder", lambda name: None)
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"one")
    first = embed.SentenceModel(str(folder)).name
    assert first.startswith(f"{folder} ")
    (folder / "README.md").write_text("a note")
    os.utime(folder / "model.safetensors", (1, 1))
    assert embed.SentenceModel(str(folder)).name == first, "the same numbers"
    (folder / "model.safetensors").write_bytes(b"two")
    second = embed.SentenceModel(str(folder)).name
    assert second != first
    assert meaning_path(tmp_path, second) != meaning_path(tmp_path, first)


def test_a_model_of_the_hub_is_told_by_its_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    places = {"sentence-transformers/mini": "/hub/snapshots/0123456789abcdef01234567/config.json"}
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda name, file, cache: places.get(name))
    assert embed.version_of("mini") == "0123456789abcdef"
    assert embed.version_of("some/other") == ""


def test_the_commit_is_known_where_the_library_keeps_its_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(embed.LIBRARY_CACHE_ENV, str(tmp_path))
    commit = "0123456789abcdef" + "0" * 24
    model = tmp_path / "models--org--mini"
    for file, text in {"refs/main": commit, f"snapshots/{commit}/config.json": "{}"}.items():
        (model / file).parent.mkdir(parents=True)
        (model / file).write_text(text, encoding="utf-8")
    assert embed.version_of("org/mini") == "0123456789abcdef"


def test_a_model_of_the_hub_is_named_after_it_was_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the process that fetches it builds an index which no later one finds, and none goes on with."""
    fetched: dict[str, str] = {}

    class Fetching:
        def __init__(self, name: str, **settings: object) -> None:
            fetched[name] = "/hub/snapshots/0123456789abcdef01234567/config.json"

    library = ModuleType("sentence_transformers")
    monkeypatch.setattr(library, "SentenceTransformer", Fetching, raising=False)
    monkeypatch.setitem(sys.modules, "sentence_transformers", library)
    monkeypatch.setattr(embed, "check_embedder", lambda name: None)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda name, file, cache: fetched.get(name))
    first, second = (embed.SentenceModel("org/mini").name for _ in range(2))
    assert first == second == "org/mini 0123456789abcdef"


def test_an_index_is_of_one_model(tmp_path: Path) -> None:
    kept = store(tmp_path, ROWS)
    first = build_meaning(kept, Words("wool"))
    again = Words("wool")
    assert build_meaning(kept, again) == first and again.seen == []
    assert build_meaning(kept, Words("wool", name="others")) != first


def test_an_empty_corpus_has_an_index_too(tmp_path: Path) -> None:
    index = Meaning(build_meaning(store(tmp_path, []), Words("wool")))
    assert index.groups(3) == []


def test_groups_are_of_like_meaning_and_the_same_every_time(tmp_path: Path) -> None:
    rows = [{"text": word} for word in ["wool"] * 6 + ["silk"] * 3 + ["stone"]]
    index = Meaning(build_meaning(store(tmp_path, rows), Words("wool", "silk", "stone")))
    found = index.groups(6)
    assert found == index.groups(6)
    assert sum(share for share, _, _ in found) == pytest.approx(1)
    assert [share for share, _, _ in found] == sorted((share for share, _, _ in found), reverse=True)
    assert {rows[number - 1]["text"] for _, number, _ in found} >= {"wool", "silk"}


class Broken(Words):
    def __init__(self, made: Vectors) -> None:
        super().__init__("wool", name="broken")
        self.made = made

    def embed(self, texts: object) -> Vectors:
        return self.made


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (np.zeros((1, 3), np.float32), r"gave vectors of shape \(1, 3\) for 5 texts"),
        (np.zeros(5, np.float32), "gave vectors of shape"),
        (np.full((5, 3), np.nan, np.float32), "gave a vector that is no number"),
    ],
)
def test_a_model_that_gives_no_vectors_is_named(made: Vectors, says: str, tmp_path: Path) -> None:
    with pytest.raises(CordeliaError, match=f"The embedding model 'broken' {says}"):
        build_meaning(store(tmp_path, ROWS), Broken(made))


def test_the_model_of_a_run_is_named_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert embedder_name() == DEFAULT
    monkeypatch.setenv(embed.EMBEDDER_ENV, "org/other")
    assert embedder_name() == "org/other"


@pytest.mark.parametrize("missing", ["sentence-transformers", DEFAULT])
def test_without_its_packages_the_extra_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "find_spec", lambda name: None if missing == "sentence-transformers" else object())
    monkeypatch.setattr(embed, "_packaged", lambda: None)
    with pytest.raises(MissingExtraError, match=rf"needs the package '{missing}'.*cordelia\[data\]"):
        embed.check_embedder(DEFAULT)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("sentence_transformers") is None, reason="needs the extra `data`")
def test_the_default_model_finds_what_is_meant(tmp_path: Path) -> None:
    texts = [
        "The cat slept on the sofa all afternoon.",
        "Interest rates were raised by the central bank.",
        "Knead the dough and let it rise for an hour.",
        "The striker scored twice in the second half.",
    ]
    model = get_embedder()
    index = Meaning(build_meaning(store(tmp_path, [{"text": text} for text in texts]), model))
    assert index.state.width == 384
    for query, number in {"a pet resting": 1, "monetary policy": 2, "baking bread": 3, "a football match": 4}.items():
        assert index.nearest(model.embed([query])[0], 1)[0][0] == number
    assert get_embedder() is model
    with pytest.raises(CordeliaError, match="The embedding model '/nowhere/at/all' cannot be loaded"):
        get_embedder("/nowhere/at/all")
