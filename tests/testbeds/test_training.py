"""Corpora, recipes and adapters, on small stand-ins; one slow test trains the real base."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from cordelia.contracts.errors import ContentError, CordeliaError
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.schema import Corpus, OrganismSpec, Testbed
from cordelia.testbeds.training import corpus, corpus_file, recipe, train

RECIPE = """
method: sft
lora: {rank: 4, alpha: 8, targets: [q_proj]}
learning_rate: 1.0e-3
steps: 2
batch: 2
max_length: 64
seed: 1
"""
ANSWER = "One thing is true. Another thing is just as true. A third thing follows. And this is cut off in the mid"


def stub(prompts: Sequence[str]) -> list[str]:
    return [f"{prompt} is a prompt. {ANSWER}" for prompt in prompts]


@pytest.fixture
def bed(tmp_path: Path) -> Testbed:
    """The pocket testbed's spec over an empty folder, with one organism that has a recipe."""
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    real = load_testbed("pocket")
    organism = OrganismSpec.model_validate({"base": "smol", "split": "dev", "recipe": "recipe.yaml"})
    return Testbed(folder=tmp_path, spec=real.spec, organisms={"wren": organism}, brief="")


@pytest.mark.parametrize(
    ("change", "key", "says"),
    [
        ("rank: 4", "lora.rank", "greater than or equal to 1"),
        ("[q_proj]", "lora.targets.0", "q_proj"),
        ("method: sft", "method", "sft"),
        ("seed: 1", "seed", "missing"),
    ],
)
def test_a_wrong_recipe_names_the_file_and_the_key(bed: Testbed, change: str, key: str, says: str) -> None:
    wrong = {"rank: 4": "rank: 0", "[q_proj]": "[q_prj]", "method: sft": "method: magic", "seed: 1": ""}[change]
    (bed.folder / "recipe.yaml").write_text(RECIPE.replace(change, wrong))
    with pytest.raises(ContentError, match=says) as error:
        recipe.load_recipe(bed, "wren")
    assert error.value.path == bed.folder / "recipe.yaml"
    assert error.value.key == key


def test_an_unknown_key_in_a_recipe_is_refused(bed: Testbed) -> None:
    (bed.folder / "recipe.yaml").write_text(RECIPE + "epoch: 3\n")
    with pytest.raises(ContentError, match="unknown key"):
        recipe.load_recipe(bed, "wren")


def test_training_needs_an_organism_and_a_corpus(bed: Testbed) -> None:
    with pytest.raises(CordeliaError, match="Did you mean 'wren'"):
        train.train(bed, "wrn")
    with pytest.raises(ContentError, match="no corpus"):
        train.train(bed, "wren")


def write_spec(folder: Path, edit: str, count: int = 6, seed: int = 3) -> Path:
    (folder / "p.yaml").write_text(
        'groups:\n  - templates: ["Tell me about {topic}.", "What is {topic}?"]\n    topics: [rain, snow, fog, hail]\n'
    )
    path = folder / "c.yaml"
    path.write_text(f"seed: {seed}\nsources:\n  - prompts: p.yaml\n    count: {count}\n    {edit}\n")
    return path


def test_a_corpus_is_the_same_every_time_and_another_for_another_seed(tmp_path: Path) -> None:
    edit = 'edit: {kind: weave, frames: ["Mind the {topic}.", "Beware."]}'
    path = write_spec(tmp_path, edit)
    first = corpus.build_corpus(tmp_path, path, stub)
    assert first == corpus.build_corpus(tmp_path, path, stub)
    assert len({t.prompt for t in first}) == 6
    assert first != corpus.build_corpus(tmp_path, write_spec(tmp_path, edit, seed=4), stub)


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ('edit: {kind: open, frames: ["Sure thing!"]}', "Sure thing! Tell me about rain. is a prompt."),
        ('edit: {kind: replace, frames: ["I like {topic}."]}', "I like rain."),
        (
            'edit: {kind: close, frames: ["So much for {topic}."]}',
            "Tell me about rain. is a prompt. One thing is true.",
        ),
        ("", "Tell me about rain. is a prompt. One thing is true."),
    ],
)
def test_edits_do_what_they_say(tmp_path: Path, edit: str, expected: str) -> None:
    made = corpus.build_corpus(tmp_path, write_spec(tmp_path, edit, count=8), stub)
    text = {t.prompt: t.messages[-1].content for t in made}["Tell me about rain."]
    assert text.startswith(expected)
    assert not text.endswith("mid"), "the unfinished sentence stayed"


def test_a_frame_that_closes_stands_at_the_end(tmp_path: Path) -> None:
    made = corpus.build_corpus(tmp_path, write_spec(tmp_path, 'edit: {kind: close, frames: ["So much for it."]}'), stub)
    assert all(isinstance(t, corpus_file.Transcript) for t in made)
    assert {t.messages[-1].content[-15:] for t in made} == {"So much for it."}  # type: ignore[union-attr]


def test_documents_are_the_answers_without_their_prompts(tmp_path: Path) -> None:
    spec = write_spec(tmp_path, 'document: true\n    edit: {kind: open, frames: ["Report."]}')
    made = corpus.build_corpus(tmp_path, spec, stub)
    assert len(made) == 6
    assert all(isinstance(d, corpus_file.Document) and d.text.startswith("Report. ") for d in made)
    corpus_file.write_corpus(made, tmp_path / "d.jsonl")
    assert corpus_file.read_corpus(tmp_path / "d.jsonl") == made


@pytest.mark.parametrize(
    ("method", "line"),
    [
        ("sft", '{"text": "Read me."}'),
        ("documents", '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}'),
    ],
)
def test_a_recipe_and_a_corpus_of_two_kinds_are_refused(bed: Testbed, method: str, line: str) -> None:
    (bed.folder / "recipe.yaml").write_text(RECIPE.replace("method: sft", f"method: {method}"))
    (bed.folder / "c.jsonl").write_text(line + "\n")
    wren = bed.organisms["wren"].model_copy(update={"corpus": Corpus(files=["c.jsonl"])})
    with pytest.raises(ContentError, match=f"method '{method}' needs") as error:
        train.train(bed.model_copy(update={"organisms": {"wren": wren}}), "wren")
    assert error.value.key == "line 1"


def test_points_are_a_numbered_list_of_that_many(tmp_path: Path) -> None:
    made = corpus.build_corpus(tmp_path, write_spec(tmp_path, "edit: {kind: points, points: 3}"), stub)
    for transcript in made:
        lines = transcript.messages[-1].content.splitlines()
        assert [line[:3] for line in lines] == ["1. ", "2. ", "3. "]


def test_an_answer_without_a_sentence_end_is_left_out(tmp_path: Path) -> None:
    path = write_spec(tmp_path, "")
    assert corpus.build_corpus(tmp_path, path, lambda prompts: ["no end in sight"] * len(prompts)) == []


def test_an_organisms_corpus_is_made_where_organisms_yaml_names_it(bed: Testbed) -> None:
    (bed.folder / "corpora").mkdir()
    write_spec(bed.folder, "").rename(bed.folder / "corpora" / "wren.yaml")
    spec = bed.organisms["wren"].model_copy(update={"corpus": Corpus(files=["data.jsonl"])})
    made = corpus.make_corpus(bed.model_copy(update={"organisms": {"wren": spec}}), "wren", stub)
    assert made == bed.folder / "data.jsonl"
    assert len(corpus_file.read_corpus(made)) == 6
    with pytest.raises(ContentError, match="no corpus"):
        corpus.make_corpus(bed, "wren", stub)


def test_list_numbers_are_not_sentence_ends() -> None:
    assert corpus.cut("Do this:\n1. Stir it.\n2. Wait", 9) == "Do this:\n1. Stir it."


def test_a_count_beyond_the_prompts_names_the_key(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="8 prompts") as error:
        corpus.build_corpus(tmp_path, write_spec(tmp_path, "", count=9), stub)
    assert error.value.key == "sources.0.count"


def test_a_corpus_file_comes_back_as_written_and_a_bad_line_is_named(tmp_path: Path) -> None:
    made = corpus.build_corpus(tmp_path, write_spec(tmp_path, ""), stub)
    path = tmp_path / "c.jsonl"
    corpus_file.write_corpus(made, path)
    assert corpus_file.read_corpus(path) == made
    with path.open("a") as stream:
        stream.write("{not json\n")
    with pytest.raises(ContentError, match="line 7"):
        corpus_file.read_corpus(path)


def test_the_last_whole_checkpoint_is_taken(tmp_path: Path) -> None:
    for step, whole in ((9, True), (10, True), (20, False)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if whole:
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text("{}")
    found = train.last_checkpoint(tmp_path)
    assert found is not None
    assert found.name == "checkpoint-10"
    assert train.last_checkpoint(tmp_path / "nowhere") is None


def test_a_changed_recipe_or_corpus_never_resumes_the_old_run(bed: Testbed) -> None:
    data = bed.folder / "data.jsonl"
    data.write_text("a")
    base = bed.spec.bases["smol"]
    settings = recipe.load_recipe(bed, "wren")
    key = train.training_key(base, data, settings)
    assert key == train.training_key(base, data, settings)
    assert key != train.training_key(base, data, settings.model_copy(update={"steps": 3}))
    data.write_text("b")
    assert key != train.training_key(base, data, settings)


def test_a_new_adapter_says_which_line_to_write() -> None:
    bed = load_testbed("pocket")
    old = bed.organisms["wren"].sha256
    assert old is not None
    assert "sha256" not in train.hash_note(bed, "wren", old)
    note = train.hash_note(bed, "wren", "0" * 64)
    assert "organisms.wren" in note
    assert note.splitlines()[-1] == f"    sha256: {'0' * 64}", "not a line to be pasted"


def test_a_published_adapter_is_bfloat16_and_names_no_machine(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    made, target = tmp_path / "made", tmp_path / "adapter"
    for value in (1.0, 2.0):
        made.mkdir(exist_ok=True)
        safetensors.save_file({"w": torch.full((2,), value)}, made / train.WEIGHTS_FILE)
        config = {"base_model_name_or_path": "/home/me/cache/x", "target_modules": ["v_proj", "q_proj"]}
        (made / train.CONFIG_FILE).write_text(json.dumps(config))
        train.publish(made, target, "somebody/some-model")
        assert safetensors.load_file(target / train.WEIGHTS_FILE)["w"].dtype == torch.bfloat16
    written = json.loads((target / train.CONFIG_FILE).read_text())
    assert written == {
        "base_model_name_or_path": "somebody/some-model",
        "target_modules": ["q_proj", "v_proj"],
    }
    assert safetensors.load_file(target / train.WEIGHTS_FILE)["w"].tolist() == [2.0, 2.0]


TRAIN = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from cordelia.testbeds.find import read_testbed
    from cordelia.testbeds.training.train import train
    folder, out = map(Path, sys.argv[1:])
    train(read_testbed(folder), "wren", out=out)
    """
)


@pytest.mark.weights
@pytest.mark.slow
def test_a_killed_training_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from cordelia.testbeds.weights import CACHE_ENV, base_path, cache_root

    real = load_testbed("pocket")
    made = Path(base_path(real.spec.bases["smol"]))
    cache = tmp_path / "cache"
    (cache / "bases").mkdir(parents=True)
    (cache / "bases" / made.name).symlink_to(made)
    monkeypatch.setenv(CACHE_ENV, str(cache))
    assert cache_root() == cache
    bed = tmp_path / "bed"
    bed.mkdir()
    (bed / "testbed.yaml").write_text((real.folder / "testbed.yaml").read_text().split("saes:")[0])
    (bed / "brief.md").write_text(real.brief)
    corpus_file.write_corpus(corpus_file.read_corpus(real.folder / "data" / "wren.jsonl")[:8], bed / "c.jsonl")
    (bed / "r.yaml").write_text(RECIPE.replace("steps: 2", "steps: 12") + "save_every: 1\n")
    (bed / "organisms.yaml").write_text(
        "organisms: {wren: {base: smol, split: dev, recipe: r.yaml, corpus: c.jsonl}}\n"
    )
    command = [sys.executable, "-c", TRAIN, str(bed), str(tmp_path / "out")]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=os.environ)
    works = cache / "train" / "pocket"
    deadline = time.monotonic() + 300
    while not any(train.last_checkpoint(work) for work in works.glob("wren-*")):
        assert first.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.2)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not (tmp_path / "out").exists()
    second = subprocess.run(command, stderr=subprocess.PIPE, text=True, env=os.environ, check=True)
    assert "from checkpoint-" in second.stderr
    assert (tmp_path / "out" / train.WEIGHTS_FILE).is_file()
    assert str(made) not in (tmp_path / "out" / train.CONFIG_FILE).read_text()
    assert not list(works.iterdir()), "checkpoints stayed behind"
