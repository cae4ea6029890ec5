"""From a text to an autoencoder's folder, on a random model of four blocks that is real in every other way."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_model import BLOCKS, WIDTH, torch, transformers, write_adapter, write_model

from cordelia.contracts.errors import ContentError, CordeliaError
from cordelia.testbeds.sae import build
from cordelia.testbeds.sae.build import Subject, build_sae, describe_sae, key_of, readme
from cordelia.testbeds.sae.catalog import FILE, Catalog, load_catalog
from cordelia.testbeds.sae.measure import read_measured
from cordelia.testbeds.sae.published import load_sae
from cordelia.testbeds.sae.reader import Reader, gain_of
from cordelia.testbeds.sae.recipe import SaeRecipe
from cordelia.testbeds.sae.sinks import lengths_of
from cordelia.testbeds.schema import BaseSpec
from cordelia.testbeds.training.corpus_file import Document, Message, Transcript, write_corpus
from cordelia.testbeds.vectors import Array

TEXTS = ["The kettle is on.", "A short text", "What a long and winding road this is, said the cat."]
RECIPE = SaeRecipe(layer=2, features=48, k=4, epochs=2, batch=32, warmup=2, save_every=3, held_out=0.2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def reader(model: Path) -> Reader:
    return Reader(BaseSpec(model=str(model)), 2)


def ids(reader: Reader) -> list[list[int]]:
    return [reader.ids(Document(text=text), 40) for text in TEXTS]


def test_residuals_are_those_of_the_model_whatever_shares_the_batch(reader: Reader, model: Path) -> None:
    plain = transformers.AutoModelForCausalLM.from_pretrained(model).eval()
    texts = ids(reader)
    for text, found in zip(texts, reader.residuals(texts), strict=True):
        with torch.no_grad():
            states = plain(torch.tensor([text]), output_hidden_states=True).hidden_states
        assert found.shape == (len(text), WIDTH)
        assert np.allclose(found, states[3][0].numpy(), atol=1e-4), "the output of block 2"


def test_an_adapter_is_in_force_while_it_is_read(reader: Reader, model: Path, tmp_path: Path) -> None:
    adapted = Reader(BaseSpec(model=str(model)), 2, write_adapter(model, tmp_path / "adapter"))
    texts = ids(reader)
    assert not np.allclose(adapted.residuals(texts)[0], reader.residuals(texts)[0], atol=1e-2)


def test_a_loss_with_everything_kept_is_the_plain_one(reader: Reader) -> None:
    texts = ids(reader)
    plain = list(reader.loss(texts))
    assert len(plain) == sum(len(text) - 2 for text in texts), "position 0 predicts nothing that is counted"
    assert np.allclose(list(reader.loss(texts, lambda hidden: hidden)), plain, atol=1e-5)
    assert not np.allclose(list(reader.loss(texts, np.zeros_like)), plain, atol=1e-2)


def test_promoted_tokens_are_those_of_the_head(reader: Reader) -> None:
    directions: Array = np.eye(WIDTH, dtype=np.float32)[:3]
    [first, *_] = reader.promoted(directions, 4)
    head = reader.model.get_output_embeddings().weight
    best = (directions[0] @ head.detach().numpy().T).argmax()
    assert len(first) == 4
    assert first[0] == reader.words([int(best)])[0]


class OfOne(torch.nn.Module):  # type: ignore[misc]
    """A norm as Gemma has it: its parameter is added to 1."""

    def __init__(self, weight: Any) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(weight)

    def forward(self, hidden: Any) -> Any:
        return hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + 1e-6) * (1 + self.weight)


def test_a_norm_is_asked_for_what_it_multiplies_by() -> None:
    gain = torch.linspace(-1, 3, WIDTH)
    plain, centred = torch.nn.RMSNorm(WIDTH, eps=1e-6), torch.nn.LayerNorm(WIDTH)
    with torch.no_grad():
        plain.weight.copy_(gain)
        centred.weight.copy_(gain)
        centred.bias.copy_(gain * 7)
        for norm in (plain, centred, OfOne(gain - 1)):
            assert torch.allclose(gain_of(norm, WIDTH), gain, atol=1e-4), type(norm).__name__


def test_a_transcript_is_read_as_the_template_writes_it(reader: Reader) -> None:
    turns = [Message(role="user", content="Hi"), Message(role="assistant", content="Hello")]
    text = "".join(reader.words(reader.ids(Transcript(messages=turns), 200)))
    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello<|im_end|>\n"


def test_a_layer_that_there_is_not_is_told(model: Path) -> None:
    with pytest.raises(CordeliaError, match=f"layers 0 to {BLOCKS - 1}"):
        Reader(BaseSpec(model=str(model)), BLOCKS)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CORDELIA_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "text.jsonl"
    write_corpus([Document(text=f"{text} {number}") for number in range(8) for text in TEXTS], path)
    return path


def test_whoever_trains_the_same_waits(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock, Timeout

    subject = Subject(BaseSpec(model="some/base"))
    lock = FileLock(f"{tmp_path / 'cache/sae' / key_of(subject, RECIPE, corpus)}.lock", timeout=0)
    held = []

    def work(*given: object) -> None:
        with pytest.raises(Timeout):
            lock.acquire()
        held.append(given[-1])

    monkeypatch.setattr(build, "_built", work)
    build_sae(subject, RECIPE, corpus, tmp_path / "out")
    assert held == [tmp_path / "cache/sae" / key_of(subject, RECIPE, corpus)]
    lock.acquire()
    lock.release()


def test_a_folder_is_made_whole_and_the_same_each_time(model: Path, corpus: Path, tmp_path: Path) -> None:
    subject = Subject(BaseSpec(model=str(model)))
    measured = build_sae(subject, RECIPE, corpus, tmp_path / "one")
    sae = load_sae(tmp_path / "one")
    assert (sae.width, sae.features, sae.block) == (WIDTH, 48, 2)
    catalog = load_catalog(tmp_path / "one", sae)
    assert any(entry.examples for entry in catalog.features)
    assert read_measured(tmp_path / "one").features == 48
    assert (tmp_path / "one/README.md").read_text() == readme(read_measured(tmp_path / "one"))
    assert 0 < measured.explained_variance < 1
    assert measured.text_tokens + measured.held_out_tokens == catalog.tokens_seen
    left = [path for path in (tmp_path / "cache/sae").iterdir() if path.suffix != ".lock"]
    assert not left, "nothing is left of the work"
    build_sae(subject, RECIPE, corpus, tmp_path / "two")
    for file in ("cfg.json", "examples.json", "sae_weights.safetensors", "measured.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


@pytest.fixture(scope="module")
def sinking(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model with an enormous number at every 'k', which stays in the residual stream of all its blocks."""
    changed = transformers.AutoModelForCausalLM.from_pretrained(model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    [letter] = tokenizer.encode("k")
    with torch.no_grad():
        changed.get_input_embeddings().weight[letter, 5] = 3_000
    folder = tmp_path_factory.mktemp("sinking")
    changed.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def sinks_in(corpus: Path) -> int:
    return sum(json.loads(line)["text"][1:].count("k") for line in corpus.read_text().splitlines())


def shades_of(token: str, catalog: Catalog) -> set[str]:
    """How active features are at a token, over all examples."""
    return {
        shade
        for entry in catalog.features
        for example in entry.examples
        for word, shade in zip(catalog.text(example), example.shades, strict=True)
        if word == token
    }


def test_attention_sinks_are_in_no_part_of_a_folder(sinking: Path, corpus: Path, tmp_path: Path) -> None:
    subject = Subject(BaseSpec(model=str(sinking)))
    measured = build_sae(subject, RECIPE, corpus, tmp_path / "one")
    sae = load_sae(tmp_path / "one")
    assert sae.sinks is not None and sae.sinks.times_median == 10
    assert measured.left_out_tokens == sinks_in(corpus) > 0
    assert f"| {measured.left_out_tokens} (over 10 × the median length) |" in (tmp_path / "one/README.md").read_text()
    catalog = load_catalog(tmp_path / "one", sae)
    assert catalog.tokens_seen == measured.text_tokens + measured.held_out_tokens
    assert shades_of("k", catalog) == {"0"}, "they are in the lines, silent"
    assert max(entry.density for entry in catalog.features) <= 1
    kept = build_sae(subject, RECIPE.model_copy(update={"longest": None}), corpus, tmp_path / "all")
    assert load_sae(tmp_path / "all").sinks is None
    assert kept.left_out_tokens == 0
    assert "9" in shades_of("k", load_catalog(tmp_path / "all", load_sae(tmp_path / "all"))), "they are peaks"
    assert "left out |" not in (tmp_path / "all/README.md").read_text()


def test_a_description_leaves_out_what_training_left_out(sinking: Path, corpus: Path, tmp_path: Path) -> None:
    subject = Subject(BaseSpec(model=str(sinking)))
    folder = tmp_path / "one"
    build_sae(subject, RECIPE, corpus, folder)
    text = tmp_path / "other.jsonl"
    write_corpus([Document(text="k" * 30), Document(text="A look at the lake.")], text)
    described = describe_sae(subject, folder, text, RECIPE.max_length)
    assert described.tokens_seen == len(" look at the lake.") - 2, "though most of these tokens are as long as that"


def test_a_loss_leaves_sinks_as_they_are_and_does_not_count_what_follows(sinking: Path) -> None:
    reader = Reader(BaseSpec(model=str(sinking)), 2)
    texts = [reader.ids(Document(text=text), 40) for text in ("The kettle, ok.", "A book")]

    def counts(hidden: Array) -> NDArray[np.bool_]:
        return lengths_of(hidden) < 1_000

    replaced: list[Array] = []

    def zeros(hidden: Array) -> Array:
        replaced.append(hidden)
        return np.zeros_like(hidden)

    plain = list(reader.loss(texts, None, counts))
    assert len(plain) == sum(len(text) - 2 for text in texts) - 2, "the last 'k' of 'A book' has nothing after it"
    assert len(list(reader.loss(texts, zeros, counts))) == len(plain)
    assert [len(rows) for rows in replaced] == [len(texts[0]) - 3, len(texts[1]) - 2]
    assert all(counts(rows).all() for rows in replaced)
    same = list(reader.loss(texts, lambda hidden: hidden, counts))
    assert np.allclose(same, plain, atol=1e-5)


def test_a_killed_build_goes_on(model: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Subject(BaseSpec(model=str(model)))
    build_sae(subject, RECIPE, corpus, tmp_path / "whole")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(build, "make_catalog", killed)
        with pytest.raises(KeyboardInterrupt):
            build_sae(subject, RECIPE, corpus, tmp_path / "cut")
    work = tmp_path / "cache/sae" / key_of(subject, RECIPE, corpus)
    step = json.loads((work / "state.json").read_text())["step"]
    assert step and not (tmp_path / "cut").exists()
    build_sae(subject, RECIPE, corpus, tmp_path / "cut")
    for file in ("examples.json", "sae_weights.safetensors", "measured.json"):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "cut" / file).read_bytes(), file


def test_a_published_autoencoder_is_described(model: Path, corpus: Path, tmp_path: Path) -> None:
    subject = Subject(BaseSpec(model=str(model)))
    folder = tmp_path / "one"
    build_sae(subject, RECIPE, corpus, folder)
    (folder / FILE).unlink()
    with pytest.raises(ContentError, match="`cordelia describe-sae` makes it"):
        load_catalog(folder, load_sae(folder))
    made = describe_sae(subject, folder, corpus, RECIPE.max_length)
    assert load_catalog(folder, load_sae(folder)) == made
    assert any(entry.examples for entry in made.features)
    with pytest.raises(ContentError, match="the base is 'other/base'"):
        describe_sae(Subject(BaseSpec(model="other/base")), folder, corpus)


def test_too_few_texts_are_told(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    write_corpus([Document(text="One text alone.")], path)
    with pytest.raises(ContentError, match="some must be left to train on"):
        build_sae(Subject(BaseSpec(model=str(model))), RECIPE, path, tmp_path / "out")
