"""`cordelia index`: what audits would build at their first search, built ahead."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cordelia.cli import indexing, main
from cordelia.testbeds.corpora.search import Store
from cordelia.testbeds.corpora.source import corpus_of
from cordelia.testbeds.corpora.store import store_path
from cordelia.testbeds.find import CATALOG, load_testbed


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORDELIA_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("target", ["pocket/siskin", str(CATALOG / "pocket" / "siskin")])
def test_one_organism_is_indexed(target: str) -> None:
    done = CliRunner().invoke(main, ["index", target])
    assert done.exit_code == 0, done.output
    source = corpus_of(load_testbed("pocket"), "siskin")
    assert source is not None
    store = Store(store_path(source))
    assert f"pocket/siskin: {store.facts.documents:,} documents: {store.path}" in done.stdout
    assert "Indexing words" in done.stderr and "Indexing" not in done.stdout


@pytest.mark.parametrize("target", ["pocket", str(CATALOG / "pocket")])
def test_a_testbed_is_indexed_but_for_those_that_nobody_trained(target: str) -> None:
    done = CliRunner().invoke(main, ["index", target])
    assert done.exit_code == 0, done.output
    trained = [name for name, spec in load_testbed("pocket").organisms.items() if spec.corpus]
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [f"pocket/{name}" for name in trained]


def test_the_meaning_is_indexed_by_the_model_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def build(store: Store, embedder: object, report: object) -> str:
        return "the index of meaning"

    monkeypatch.setattr(indexing, "get_embedder", lambda *names: asked.append(names))
    monkeypatch.setattr(indexing, "build_meaning", build)
    runner = CliRunner(env={"CORDELIA_EMBEDDER": "org/other"})
    for more, wanted in (
        ([], ("org/other", "cpu")),
        (["--embedder", "org/mine", "--device", "cuda"], ("org/mine", "cuda")),
    ):
        done = runner.invoke(main, ["index", "pocket/siskin", "--semantic", *more])
        assert done.exit_code == 0 and "the index of meaning" in done.stdout
        assert asked.pop() == wanted


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("pocket/finch", "organisms.yaml: organisms.finch.corpus: no corpus, so there is nothing to index"),
        ("quirks", "organisms.yaml: organisms: no corpus, so there is nothing to index"),
        ("pocket/finhc", "There is no organism 'finhc' in testbed 'pocket'. Did you mean 'finch'?"),
        ("poket", "There is no testbed 'poket'. Did you mean 'pocket'?"),
        ("./nowhere/elm", "There is no testbed folder"),
    ],
)
def test_what_cannot_be_indexed_is_told_in_one_message(target: str, says: str) -> None:
    done = CliRunner().invoke(main, ["index", target])
    assert done.exit_code == 2
    assert done.stderr.startswith("cordelia: ") and says in done.stderr
