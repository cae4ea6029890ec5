"""The tools of sae, on a fake target with a known difference and an autoencoder whose features are the axes."""

import runpy
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from inside_fake import DIFFERENCE, LANTERN, InsideBackend
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalSample
from inspect_ai.model import ChatMessageTool, Model

from cordelia.contracts.errors import CordeliaError
from cordelia.solvers.affordances import catalog
from cordelia.solvers.affordances.sae import SAE
from cordelia.solvers.affordances.sae_texts import texts
from cordelia.solvers.affordances.sae_views import counted, seen
from cordelia.solvers.aside import plain
from cordelia.solvers.auditors.arms.sae import feature_scores
from cordelia.tasks.audit import audit
from cordelia.testbeds.backends.inside import Captured
from cordelia.testbeds.sae.catalog import Catalog, Entry, Example, save_catalog
from cordelia.testbeds.sae.published import save_sae
from cordelia.testbeds.sae.sinks import SinkRule
from cordelia.testbeds.vectors import Array, load_vector

TOYS = runpy.run_path(str(Path(__file__).parents[1] / "testbeds/sae_toys.py"))
BLOCK = TOYS["axes_sae"]().block
Call = tuple[str, dict[str, object]]
Scripted = Callable[[Sequence[Call]], Model]
SUBMIT: Call = ("submit_report", {"hypotheses": [], "nothing_hidden": True})


@pytest.fixture
def look(
    bed: Path, scripted: Scripted, monkeypatch: pytest.MonkeyPatch, inside_backend: list[InsideBackend]
) -> Callable[..., EvalSample]:
    """Runs an audit in which a scripted auditor makes calls; `elm` differs from its base, `ash` is its base."""
    monkeypatch.setitem(catalog.AFFORDANCES, SAE.name, SAE)
    monkeypatch.setenv("INSPECT_LOG_DIR", str(bed.parent / "logs"))
    TOYS["declare"](bed)

    def run(*calls: Call, organism: str = "elm", **parameters: object) -> EvalSample:
        arguments: dict[str, object] = {"affordances": "chat,sae", "backend": "fake", **parameters}
        log = inspect_eval(
            audit(testbed=str(bed), organisms=organism, **arguments),  # type: ignore[arg-type]
            model=scripted([*calls, SUBMIT]),
            log_dir=str(bed.parent / "logs"),
            display="none",
        )[0]
        assert log.samples and log.samples[0].error is None, log.samples
        return log.samples[0]

    return run


def answers(sample: EvalSample) -> list[ChatMessageTool]:
    return [message for message in sample.messages if isinstance(message, ChatMessageTool)]


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_overview_names_the_feature_that_the_target_has_more_of(look: Callable[..., EvalSample]) -> None:
    sample = look(("sae_active", {}))
    text = answers(sample)[0].text
    assert text.startswith(f"[o1] Features at block {BLOCK} over ")
    more = rows(text.split("More active")[1].split("Less active")[0])
    feature, target, base, score, promotes, peak = more[2]
    assert (feature, promotes) == (str(LANTERN), "'·lamp'")
    assert float(target) > float(base)
    assert score.startswith("+") and "⟦" in peak
    assert len(more) == 3, "the other features are the same"
    assert sample.store["AuditRecord:findings"]["o1"]["affordance"] == "sae"
    assert sample.store["AuditRecord:target_queries"] == 0


def test_a_control_has_the_features_of_its_base(look: Callable[..., EvalSample]) -> None:
    text = answers(look(("sae_active", {}), organism="ash"))[0].text
    assert plain(texts().nothing).strip() in text
    assert "|" not in text


def test_a_text_is_read_as_chat_or_raw(look: Callable[..., EvalSample], inside_backend: list[InsideBackend]) -> None:
    sample = look(
        ("sae_active", {"text": "Tell me about tea.", "reply": "Tea is a plant."}),
        ("sae_active", {"text": "Tea is a plant.", "raw": True, "top": 2}),
    )
    both = [answer.text for answer in answers(sample)[:2]]
    assert all("Most active in the target" in text and "over this text" in text for text in both)
    read = [asked[0][0] for backend in inside_backend for method, asked in backend.looks if method == "capture"]  # type: ignore[index]
    assert {text.reply for text in read} == {"Tea is a plant.", ""}
    assert {str(text.mode) for text in read} == {"chat", "completion"}


def test_attention_sinks_are_left_out_where_the_autoencoder_says_so(
    look: Callable[..., EvalSample], bed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = InsideBackend._hidden

    def with_sinks(self: InsideBackend, tokens: Sequence[str], blocks: Sequence[int]) -> Array:
        hidden = plain(self, tokens, blocks)
        hidden[:, [token == " massive" for token in tokens], 5] = 500
        return hidden

    monkeypatch.setattr(InsideBackend, "_hidden", with_sinks)
    call: Call = ("sae_active", {"text": "some massive blue tea", "raw": True})
    read = answers(look(call))[0].text
    assert "⟦massive⟧" in read, "an autoencoder without a rule reads them"
    assert "The first token of each text is left out" in read
    save_sae(replace(TOYS["axes_sae"](), sinks=SinkRule(times_median=10, median_length=2.5)), bed / "sae")
    left = answers(look(call))[0].text
    assert "⟦massive⟧" not in left and "massive ⟦blue⟧" in left
    assert "Left out are the first token of each text and 1 of the 3 others" in left
    assert "more than 10 times" in left


def test_a_sink_of_one_model_counts_in_neither() -> None:
    sae = replace(TOYS["axes_sae"](), sinks=SinkRule(times_median=10, median_length=1))
    tokens = ["<s>", " a", " b", " c"]
    target, base = np.ones((1, 4, 8), np.float32), np.ones((1, 4, 8), np.float32)
    target[0, 2] = 100
    readings = [Captured(tokens, [2], target), Captured(["<other>", *tokens], [2], np.insert(base, 0, 1, axis=1))]
    counts = counted(sae, *readings)
    assert counts.tolist() == [True, False, True], "and the first token is not among them"
    assert counted(sae, readings[0]).tolist() == [True, False, True], "also where there is no base"
    assert counted(sae, readings[1]).tolist() == [True] * 4
    for reading in readings:
        found = seen(sae, [reading], [counts])
        assert found.mean.tolist() == [1.0] * 8
        assert found.tokens == [[" a", " b", " c"]]
    scores = feature_scores(sae, TOYS["axes_catalog"](), readings[:1], readings[1:])
    assert np.allclose(scores, 0), "the arm reads the same tokens"
    none = seen(sae, readings[:1], [np.zeros(3, np.bool_)])
    assert none.mean.tolist() == [0.0] * 8


def test_without_a_base_it_says_what_is_active_alone(look: Callable[..., EvalSample]) -> None:
    text = answers(look(("sae_active", {}), backend_args={"lacks": "reference"}))[0].text
    assert "Most active in the target" in text
    assert plain(texts().alone).strip() in text
    assert "Less active" not in text


def test_examples_are_shaded_and_searched(look: Callable[..., EvalSample]) -> None:
    sample = look(
        ("sae_feature", {"features": [2, 7]}),
        ("sae_search", {"query": "Lantern"}),
        ("sae_search", {"query": "TEA"}),
        ("sae_search", {"query": "zebra"}),
    )
    card, lantern, tea, nothing = (answer.text for answer in answers(sample)[:4])
    assert "Light⟦ the⟧¹⟦ lantern⟧⁹⟦</script>" in card
    assert "Feature 7: active at 0.00% of tokens" in card and "never active in the text" in card
    assert [row[0] for row in rows(lantern)[2:]] == ["2"]
    assert [row[0] for row in rows(tea)[2:]] == ["3"]
    assert "No feature is active at 'zebra'" in nothing


def test_a_found_feature_shows_the_example_that_holds_the_word(look: Callable[..., EvalSample], bed: Path) -> None:
    words = ["a", " quiet", " lan", "tern", " lit", " the", " tea", "¦|⟦"]
    strong = [Example(tokens=[0, 1, 6], shades="090", peak=9.0 - place) for place in range(3)]
    silent = Example(tokens=[2, 3, 6], shades="009", peak=2.0)
    holds = Example(tokens=[0, 1, 2, 3, 4, 7], shades="000350", peak=5.0)
    features = [Entry(density=0.5, promoted=[], examples=[])] * TOYS["WIDTH"]
    features[4] = Entry(density=0.01, promoted=[" cup"], examples=[*strong, silent, holds])
    features[5] = Entry(density=0.01, promoted=[" x", " y", " z", " w", " Lanterns"], examples=strong)
    save_catalog(Catalog(tokens_seen=100, words=words, features=features), bed / "sae")
    sample = look(("sae_search", {"query": "lantern"}), ("sae_search", {"query": "tea"}))
    both, tea = (answer.text for answer in answers(sample)[:2])
    assert [(row[0], row[3]) for row in rows(both)[2:]] == [
        ("5", "promotes '·Lanterns'"),
        ("4", "a quiet lan⟦tern⟧ lit¦¦["),
    ]
    cards = both.split("\n\n")[-2:]
    assert cards[1].splitlines()[1:] == ["  5.0  a quiet lan⟦tern⟧³⟦ lit⟧⁵¦|["], "and none that does not hold it"
    assert "in no example, and promotes '·Lanterns'; its strongest example:\n  9.0  a⟦ quiet⟧⁹ tea" in cards[0]
    assert [row[0] for row in rows(tea)[2:]] == ["4"], "where a feature is silent at a word it is not found"
    assert "  2.0   lantern⟦ tea⟧⁹" in tea


def test_how_to_read_a_long_answer_is_never_cut_off(look: Callable[..., EvalSample], bed: Path) -> None:
    words = [f" word{number}-{'x' * 40}" for number in range(20)]
    long = Example(tokens=list(range(20)), shades="9" * 20, peak=2.0)
    entry = Entry(density=0.01, promoted=words[:8], examples=[long] * 30)
    catalog = Catalog(tokens_seen=100, words=words, features=[entry] * TOYS["WIDTH"])
    save_catalog(catalog, bed / "sae")
    sample = look(
        ("sae_active", {"text": "Tell me about tea.", "top": 40}),
        ("sae_feature", {"features": list(range(8)), "examples": 30}),
        ("sae_search", {"query": "word", "top": 40}),
        ("sae_steer", {"features": [0, 1, 2, 3], "prompts": ["Hello? " * 40] * 8, "strengths": [0.1, 0.2, 0.3]}),
    )
    told = texts()
    notes = [[told.active, told.first], [told.feature], [told.search], [told.steer]]
    for answer, expected in zip(answers(sample)[:4], notes, strict=True):
        assert answer.error is None, answer.error
        for note in expected:
            assert 0 <= answer.text.find(plain(note).strip()) < 2_000
        assert "more lines; ask for less at once" in answer.text or answer.function == "sae_active"
        assert len(answer.text) < 9_000


def test_features_are_pushed_and_clamped(look: Callable[..., EvalSample], inside_backend: list[InsideBackend]) -> None:
    sample = look(
        ("sae_steer", {"features": [LANTERN], "prompts": ["Hello?"], "strengths": [0.4]}),
        ("sae_steer", {"features": [LANTERN, 3], "kind": "clamp"}),
    )
    first, second = (answer.text for answer in answers(sample)[:2])
    assert f"v1 = feature {LANTERN}, promotes '·lamp'" in first
    assert f"add(0.4)@{BLOCK} heard 'Hello?'" in first
    assert first.index("plain [m1]") < first.index("+0.4 feature 2 [m2]")
    assert second.count(f"clamp()@{BLOCK}") == 2 * 2 * 2, "two features, two strengths, two prompts"
    request = next(request for backend in inside_backend for request in backend.requests if request.interventions)
    (loaded,) = request.interventions
    assert loaded.vector is not None
    assert (loaded.vector / loaded.vector.max()).tolist() == (DIFFERENCE / 2).tolist()
    note = sample.store["AuditRecord:vectors"]["v1"]
    assert note["made_by"] == f"sae: feature {LANTERN}"
    assert load_vector(note["tensor"]).shape == (8,)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (("sae_active", {"top": 0}), "top must be 1 to 40, not 0"),
        (("sae_active", {"reply": "Yes."}), "A reply belongs to a user's message"),
        (("sae_active", {"text": "a", "reply": "b", "raw": True}), "A reply belongs to a user's message"),
        (("sae_feature", {"features": []}), "Give 1 to 10 features; you gave 0. Find some with sae_active"),
        (("sae_feature", {"features": [8]}), "There is no feature 8: this autoencoder has 0 to 7"),
        (("sae_feature", {"features": [-1]}), "There is no feature -1"),
        (("sae_feature", {"features": [1], "examples": 0}), "examples must be 1 to 50"),
        (("sae_active", {"text": " "}), "This text is blank"),
        (("sae_search", {"query": " "}), "Give one or more words"),
        (("sae_search", {"query": "x" * 201}), "too long"),
        (("sae_steer", {"features": [1], "kind": "break"}), "There is no kind 'break'; write add or clamp"),
        (("sae_steer", {"features": [1], "strengths": [9]}), "from -4 to 4"),
        (("sae_steer", {"features": [0, 1, 2, 3, 4]}), "Give 1 to 4 features; you gave 5"),
        (("sae_steer", {"features": [1], "prompts": [" "]}), "at least one prompt, and no empty ones"),
    ],
)
def test_bad_input_teaches_and_the_audit_goes_on(look: Callable[..., EvalSample], call: Call, said: str) -> None:
    answer = answers(look(call))[0]
    assert answer.error is not None
    assert said in answer.error.message


def test_a_target_without_an_autoencoder_is_refused_when_the_task_starts(
    look: Callable[..., EvalSample], bed: Path
) -> None:
    with pytest.raises(
        CordeliaError, match=r"'sae' needs an autoencoder, and .*'bed' declares none for the base 'two'"
    ):
        look(organism="yew")
    with pytest.raises(CordeliaError, match="The affordance 'sae' needs capture"):
        look(backend_args={"lacks": "capture"})


def test_an_autoencoder_of_another_width_is_told(
    look: Callable[..., EvalSample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inside_fake.WIDTH", 9)
    monkeypatch.setattr("inside_fake.DIFFERENCE", 0)
    answer = answers(look(("sae_active", {})))[0]
    assert answer.error is not None
    assert "made for a residual stream of width 8" in answer.error.message
