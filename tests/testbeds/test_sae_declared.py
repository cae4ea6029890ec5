"""A testbed that declares an autoencoder, and the text that one is trained on."""

from pathlib import Path

import pytest
from sae_toys import declare

from cordelia.contracts.errors import ContentError, CordeliaError
from cordelia.testbeds.find import CATALOG, load_testbed
from cordelia.testbeds.sae import text as text_module
from cordelia.testbeds.sae.build import readme
from cordelia.testbeds.sae.declared import declared_sae
from cordelia.testbeds.sae.measure import read_measured
from cordelia.testbeds.sae.published import WEIGHTS
from cordelia.testbeds.sae.text import BATCH, Prompt, TextSpec, prompts, write_text
from cordelia.testbeds.schema import BaseSpec
from cordelia.testbeds.training.corpus_file import Document, Transcript, read_corpus
from cordelia.testbeds.weights import sha256_of

POCKET = CATALOG / "pocket"


def test_a_declared_autoencoder_is_found(bed: Path) -> None:
    sae, catalog = declared_sae(load_testbed(str(declare(bed))), "elm")
    assert sae.features == len(catalog.features) == 8
    assert declared_sae(load_testbed(str(bed)), "elm", "some/base")[0] is sae, "it is kept in memory"


def test_an_organism_without_one_is_refused_by_name(bed: Path) -> None:
    found = load_testbed(str(declare(bed)))
    with pytest.raises(CordeliaError, match=r"'bed' declares none for the base 'two' of bed/yew .*has: 'one'"):
        declared_sae(found, "yew")
    with pytest.raises(CordeliaError, match="and the base is now 'new/base'"):
        declared_sae(found, "elm", "new/base")


def test_a_testbed_without_any_is_refused_by_name(bed: Path) -> None:
    with pytest.raises(CordeliaError, match=r"an organism without a base of bed/elm .*no base\)"):
        declared_sae(load_testbed(str(bed)), "elm")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"base": "three"}, r"saes.three: no base 'three'. Known: one, two"),
        ({"folder": "nowhere"}, "'nowhere' does not exist"),
        ({"folder": "../out"}, "saes.one.folder"),
        ({"folder": "brief.md"}, "a folder is wanted"),
        ({"sha256": "abc"}, "is not a SHA-256"),
    ],
)
def test_a_wrong_declaration_is_told(bed: Path, changes: dict[str, str], said: str) -> None:
    with pytest.raises(ContentError, match=said):
        load_testbed(str(declare(bed, **changes)))


def test_other_bytes_and_another_model_are_refused(bed: Path) -> None:
    found = load_testbed(str(declare(bed, sha256="0" * 64)))
    with pytest.raises(ContentError, match=r"saes.one.sha256: the SHA-256 of sae/.* is [0-9a-f]{64}"):
        declared_sae(found, "elm")


def test_an_autoencoder_of_another_model_is_refused(bed: Path) -> None:
    found = load_testbed(str(declare(bed, model="their/base")))
    with pytest.raises(ContentError, match="was trained on 'their/base', the base is 'some/base'"):
        declared_sae(found, "elm")


SPEC = """
seed: 1
max_tokens: 8
temperature: 1.0
count: {count}
chats: {{groups: [{{templates: ["About {{topic}}?", "Why {{topic}}?"], topics: [{topics}]}}]}}
documents: {{openings: ["One day"], samples: 3}}
"""


class FakeSampler:
    asked: list[list[Prompt]] = []
    breaks_at = -1

    def __init__(self, base: BaseSpec, spec: TextSpec) -> None:
        pass

    def answers(self, asked: list[Prompt], seed: int) -> list[str]:
        if len(self.asked) == self.breaks_at:
            raise KeyboardInterrupt
        self.asked.append(asked)
        return [f" {seed}: {prompt.text}\n" for prompt in asked]


def test_the_text_goes_on_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_module, "Sampler", FakeSampler)
    monkeypatch.setattr(FakeSampler, "asked", [])
    monkeypatch.setattr(FakeSampler, "breaks_at", 1)
    spec, out = tmp_path / "text.yaml", tmp_path / "text.jsonl"
    spec.write_text(SPEC.format(count=130, topics=", ".join(f"t{number}" for number in range(80))))
    with pytest.raises(KeyboardInterrupt):
        write_text(BaseSpec(model="m"), spec, out)
    assert not out.exists()
    with out.with_suffix(".written").open("a") as file:
        file.write('"half a li')
    monkeypatch.setattr(FakeSampler, "breaks_at", -1)
    write_text(BaseSpec(model="m"), spec, out)
    assert [len(batch) for batch in FakeSampler.asked] == [BATCH, BATCH, 130 - 2 * BATCH]
    items = read_corpus(out)
    assert len(items) == 130
    assert sum(isinstance(item, Document) for item in items) in {1, 2, 3}
    for item in items:
        if isinstance(item, Transcript):
            assert item.messages[1].content.endswith(item.messages[0].content)


def test_fewer_prompts_are_the_beginning_of_more() -> None:
    from cordelia.contracts.content import load

    spec = load(TextSpec, POCKET / "sae/text.yaml")
    more = prompts(spec.model_copy(update={"count": 10_000}))
    assert prompts(spec.model_copy(update={"count": 50})) == more[:50]
    assert len({prompt.text for prompt in more if not prompt.document}) > 500


def test_pockets_autoencoder_is_whole() -> None:
    bed = load_testbed("pocket")
    sae, catalog = declared_sae(bed, "finch")
    folder = POCKET / bed.spec.saes["smol"].folder
    measured = read_measured(folder)
    assert (measured.model, measured.block, measured.features) == (sae.model, sae.block, sae.features)
    assert measured.text_sha256 == sha256_of(folder / "text.jsonl")
    assert (folder / "README.md").read_text() == readme(measured), "its README is made of measured.json"
    assert (folder / WEIGHTS).stat().st_size < 10_000_000
    assert measured.loss_plain < measured.loss_reconstructed < measured.loss_zero
    assert sum(bool(entry.examples) for entry in catalog.features) > sae.features / 2
