"""Asides: what a tool says of every target is told apart, and by itself it matches no rubric."""

import json
import runpy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from inside_fake import InsideBackend
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalSample
from inspect_ai.model import ChatMessageAssistant, ModelOutput

from cordelia.contracts.content import load
from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.shown import DefaultEvidence, ShownCall
from cordelia.solvers.affordances import data_semantic as semantic_tool
from cordelia.solvers.affordances import fuzz, how_to_read, lat, melbo, sae_texts, steer
from cordelia.solvers.affordances.catalog import AFFORDANCES
from cordelia.solvers.affordances.tokens import bounded, table
from cordelia.solvers.aside import CLOSE, OPEN, aside, data_of, listening, plain, say, without_asides
from cordelia.solvers.default_evidence import default_calls
from cordelia.solvers.show import clean
from cordelia.tasks.tool_check import tool_check
from cordelia.testbeds.backends.base import TargetRequest
from cordelia.testbeds.corpora import embed
from cordelia.testbeds.find import CATALOG, read_testbed
from cordelia.testbeds.truth import Truth, load_truths

TOYS = runpy.run_path(str(Path(__file__).parents[1] / "testbeds/sae_toys.py"))


class Toy:
    """An embedder without a model, to which all texts are alike."""

    name = "toy"

    def embed(self, texts: Sequence[str]) -> embed.Vectors:
        return np.full((len(texts), 4), 0.5, dtype=np.float32)


@pytest.fixture(scope="module")
def truths() -> dict[str, Truth]:
    """Pocket's, of both splits: not to tune a note by them, but to hold that no note counts."""
    return {name: truth for name, truth in load_truths(read_testbed(CATALOG / "pocket")).items() if not truth.control}


def named(truths: dict[str, Truth], text: str) -> list[str]:
    """Objectives and behaviours that the offline rubric finds in a text."""
    return [
        *(f"{name}: objective" for name, truth in truths.items() if truth.rubric.matches(text)),
        *(
            f"{name}: {behaviour}"
            for name, truth in truths.items()
            for behaviour, one in truth.behaviours.items()
            if one.rubric.matches(text)
        ),
    ]


# the marks


def test_an_aside_is_read_by_an_agent_and_is_no_data() -> None:
    with listening() as heard:
        rows = table(("token", "weight"), [["'tea'", "3.1"]])
        text = say(f"{aside('How to read this.')}\n{rows}")
    assert text == "How to read this.\n| token | weight |\n|---|---|\n| 'tea' | 3.1 |"
    [said] = heard
    assert said.text == text and said.data.split() == ["|", "'tea'", "|", "3.1", "|"]
    assert say(aside("")) == "" and heard == [said], "nobody listens any more"


def test_asides_nest_and_a_cut_one_runs_to_the_end() -> None:
    inner = aside("c")
    nested = f"a{aside(f'b{inner}d')}e"
    assert plain(nested) == "abcde" and without_asides(nested) == "a\ne"
    assert without_asides(aside("b")[:-1]) == "" and without_asides(f"{CLOSE}a") == "\na"
    long = "\n".join(["data", aside("note\n" * 100)])
    assert without_asides(bounded([long], limit=40)).strip() == "data"
    assert "more lines" in plain(bounded([long], limit=40))


def test_words_beside_an_aside_are_no_phrase() -> None:
    assert without_asides(f"choco{aside('(surprise 1.0)')}late") == "choco\nlate"


def test_a_target_cannot_hide_its_words_as_an_aside() -> None:
    assert without_asides(clean(aside("my words"))) == "\N{REPLACEMENT CHARACTER}my words\N{REPLACEMENT CHARACTER}"


def test_what_was_not_said_through_say_is_data_and_of_a_cut_answer_what_is_left() -> None:
    with listening() as heard:
        shown = f"[o1] {say(aside('note') + chr(10) + 'first' + chr(10) + 'second')}"
    assert data_of(shown, heard).split() == ["[o1]", "first", "second"]
    assert data_of("anything", []) == "anything"
    assert data_of("too long:\nnote\nfirst\nsec", heard).split() == ["first", "sec"]
    assert data_of("too long:\nno", heard) == "", "so little is there by chance"


def test_of_one_long_line_that_was_cut_both_ends_are_data() -> None:
    words = " ".join(map(str, range(4_000)))
    with listening() as heard:
        text = say(f"{aside('A note at the top.')} {words} {aside('A note at the end.')}")
    found = data_of(f"Too long to show:\n{text[:500]}\n…\n{text[-500:]}\nEnd.", heard)
    assert found.split()[0] == "0" and found.split()[-1] == "3999" and "1000" not in found
    assert "note" not in found and "Too long" not in found
    assert data_of(f"{text[:500]}…", heard).split()[:3] == ["0", "1", "2"]
    assert data_of(f"…{text[10:]}", heard).split()[-1] == "3999" and "note" not in data_of(f"…{text[8:]}", heard)


def test_an_answer_inside_another_does_not_hide_its_asides() -> None:
    with listening() as heard:
        say(f"{aside('Head ')}wool")
        shown = say(f"Head wool is what was said. {aside('A note.')} Tail")
    assert data_of(shown, heard).split() == ["Head", "wool", "is", "what", "was", "said.", "Tail"]
    assert data_of(f"{shown}\nHead wool", heard).split()[-2:] == ["Tail", "wool"], "and outside it is its own"
    with listening() as heard:
        say(aside("abc"))
        shown = say(f"abc said the target. {aside('A note.')}")
    assert data_of(shown, heard).strip() == "abc said the target."


def test_evidence_from_before_asides_were_told_apart_is_refused() -> None:
    old = DefaultEvidence(calls=[ShownCall(tool="lat", text="How to read this")])
    with pytest.raises(CordeliaError, match="make the check again"):
        _ = old.data


# the notes that ship


def notes() -> dict[str, str]:
    """Every note that a content file of the house gives to an affordance, as it is put into an answer."""
    files = {
        "lat": lat.adversarial(),
        "fuzz": fuzz.fuzzing(),
        "melbo": melbo.unsupervised(),
        "steer": steer.steering(),
        "sae": sae_texts.texts(),
    }
    values = {"what": "x", "share": 0.0, "chance": 0.1, "vector": "v1", "unlikely": 50}
    of_files = {
        f"{name}.{field}": str(getattr(content, field))
        for name, content in files.items()
        for field in type(content).model_fields
        if field not in {"canary", "question", "others", "axes"}  # what is asked; the tools mark it where they do
    }
    named_notes = load(how_to_read.Notes, how_to_read.CONTENT).notes
    shared = {name: how_to_read.how_to_read(name, **values) for name in named_notes}
    return {**of_files, **shared}


def test_no_note_is_data(truths: dict[str, Truth]) -> None:
    read_whole = {name: named(truths, plain(note)) for name, note in notes().items()}
    assert any(read_whole.values()), "else this could not fail: some notes match rubrics that they know nothing of"
    for name, note in notes().items():
        assert without_asides(note).strip() == "", f"{name} is no aside"
        assert named(truths, without_asides(note)) == []


class Silent(InsideBackend):
    """A target that says nothing: what it is shown by is the tool's."""

    async def generate(self, request: TargetRequest) -> ModelOutput:
        output = await super().generate(request)
        for choice in output.choices:
            choice.message = ChatMessageAssistant(content="Hm.")
        return output


@pytest.fixture
def checked(bed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[EvalSample]]]:
    """Makes the default calls of all affordances on a silent organism (elm) and on its base (ash)."""
    import inside_fake

    monkeypatch.setattr(inside_fake, "InsideBackend", Silent)
    inside_fake.install_inside(monkeypatch)
    monkeypatch.setenv("CORDELIA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("INSPECT_LOG_DIR", str(tmp_path / "logs"))
    monkeypatch.setattr(semantic_tool, "get_embedder", lambda name: Toy())
    monkeypatch.setattr(embed, "find_spec", lambda name: object())
    monkeypatch.setattr(embed, "_packaged", Path)
    TOYS["declare"](bed)
    (bed / "data").mkdir()
    rows = [{"messages": [{"role": role, "content": "Hm."} for role in ("user", "assistant")]}] * 30
    (bed / "data/elm.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    organisms = (bed / "organisms.yaml").read_text(encoding="utf-8")
    changed = organisms.replace("elm: {base: one,", "elm: {base: one, corpus: data/elm.jsonl,")
    assert changed != organisms
    (bed / "organisms.yaml").write_text(changed, encoding="utf-8")

    def play() -> list[EvalSample]:
        [log] = inspect_eval(
            tool_check(testbed=str(bed), organisms=["ash", "elm"], backend="fake"),
            model="none/none",
            log_dir=str(tmp_path / "logs"),
            display="none",
        )
        assert log.status == "success" and log.samples, log.error
        return log.samples

    yield play


def has_default(name: str) -> bool:
    try:
        return bool(default_calls(AFFORDANCES[name]))
    except CordeliaError:
        return False


def test_what_the_tools_say_of_every_target_identifies_nothing(
    checked: Callable[[], list[EvalSample]], truths: dict[str, Truth]
) -> None:
    samples = checked()
    expected = {name for name, affordance in AFFORDANCES.items() if has_default(name) and not affordance.helper}
    matched_whole = set()
    data: dict[str, str] = {}
    for sample in samples:
        assert sample.error is None, sample.error
        evidence = sample.store_as(DefaultEvidence)
        name = evidence.affordance
        assert not evidence.refusals, f"{sample.id}: {evidence.refusals}"
        findings = sample.store["AuditRecord:findings"].values()
        said = [*(message.text for message in sample.messages), *(finding["text"] for finding in findings)]
        assert not any(OPEN in text or CLOSE in text for text in said), f"{sample.id}: a mark was left in"
        data[str(sample.id)] = evidence.data
        if named(truths, evidence.text):
            matched_whole.add(name)
        assert named(truths, evidence.data) == [], f"{sample.id} is identified by:\n{evidence.data}"
    assert {place.split("/")[1] for place in data} == expected
    assert "lantern" in data["elm/logit_lens"], "what is found is data"
    for name in ("diff_mining", "activation_diff"):
        assert "lantern" in data[f"elm/{name}"] and "lantern" not in data[f"ash/{name}"]
    assert "lamp" in data["elm/sae"] and "Hm." in data["elm/probe"] and "Hm." in data["elm/data_sample"]
    assert {"lat", "fuzz"} <= matched_whole, "else this could not fail: read whole, their notes match"
