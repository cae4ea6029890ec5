"""The tools that push the target's inside, on a fake target; that pushes act is the backends' tests' to show."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from inside_fake import BLOCKS, InsideBackend
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalSample
from inspect_ai.model import ChatMessageTool, Model
from inspect_ai.tool import ToolDef, ToolError

from cordelia.contracts.intervention import Noise
from cordelia.contracts.record import TargetMessage
from cordelia.solvers.affordances.contrast_vector import left_out_check as checked
from cordelia.solvers.affordances.fuzz import FUZZ, fuzzing, new_words
from cordelia.solvers.affordances.lat import LAT, Needed, adversarial, nearest, table
from cordelia.solvers.affordances.melbo import MELBO, random_direction, unsupervised
from cordelia.solvers.affordances.pushed import Pushed, built, circling, likeness
from cordelia.solvers.affordances.steer import STEER, steering
from cordelia.solvers.aside import plain
from cordelia.tasks.audit import audit
from cordelia.testbeds.backends.inside import Attack, Melbo
from cordelia.testbeds.find import CATALOG, read_testbed
from cordelia.testbeds.truth import load_truths
from cordelia.testbeds.vectors import load_vector

Call = tuple[str, dict[str, object]]
Scripted = Callable[[Sequence[Call]], Model]
Look = Callable[..., EvalSample]
TOOLS = (STEER, FUZZ, MELBO, LAT)
SUBMIT: Call = ("submit_report", {"hypotheses": [], "nothing_hidden": True})
PAIRS: dict[str, object] = {"toward": ["a lantern", "the lantern"], "away": ["a tea", "the tea"], "prompts": ["Hello"]}


@pytest.fixture
def look(bed: Path, scripted: Scripted, monkeypatch: pytest.MonkeyPatch, inside_backend: list[InsideBackend]) -> Look:
    """Runs an audit in which a scripted auditor makes calls; `elm` differs from its base, `ash` is its base."""
    monkeypatch.setenv("INSPECT_LOG_DIR", str(bed.parent / "logs"))

    def run(*calls: Call, organism: str = "elm", **parameters: object) -> EvalSample:
        arguments: dict[str, object] = {
            "affordances": ["chat", *(affordance.name for affordance in TOOLS)],
            "backend": "fake",
            **parameters,
        }
        log = inspect_eval(
            audit(testbed=str(bed), organisms=organism, **arguments),  # type: ignore[arg-type]
            model=scripted([*calls, SUBMIT]),
            log_dir=str(bed.parent / "logs"),
            display="none",
        )[0]
        assert log.samples, log.error
        return log.samples[0]

    return run


def answers(sample: EvalSample) -> list[ChatMessageTool]:
    assert sample.error is None, sample.error
    return [message for message in sample.messages if isinstance(message, ChatMessageTool)]


def text_of(sample: EvalSample, place: int = 0) -> str:
    answer = answers(sample)[place]
    assert answer.error is None, answer.error
    return answer.text


def requests(backends: list[InsideBackend]) -> list[tuple[str, float]]:
    """What was done to each reply: kinds and scales of its interventions."""
    return [
        (each.what.kind, getattr(each.what, "scale", getattr(each.what, "value", 0.0)))
        for backend in backends
        for request in backend.requests
        for each in request.interventions
    ]


def test_overviews_need_no_arguments_and_are_kept_under_an_id(look: Look) -> None:
    sample = look(*((affordance.name, {}) for affordance in TOOLS))
    findings = sample.store["AuditRecord:findings"]
    assert [finding["affordance"] for finding in findings.values()] == [affordance.name for affordance in TOOLS]
    for place in range(len(TOOLS)):
        text = text_of(sample, place)
        assert text.startswith(f"[o{place + 1}] ") and "How to read this" in text
        assert len(text) < 12_000
    assert sample.store["AuditRecord:reference_queries"] == 0


def test_a_contrast_is_the_mean_difference_without_the_sink(look: Look, inside_backend: list[InsideBackend]) -> None:
    sample = look(("steer", {**PAIRS, "question": "What is it?"}))
    assert "v1 = your texts (2 and 2 texts)" in text_of(sample)
    kept = sample.store["AuditRecord:vectors"]["v1"]
    [(_, asked)] = [seen for backend in inside_backend for seen in backend.looks if seen[0] == "capture"]
    texts, layers = asked  # type: ignore[misc]
    assert [text.reply for text in texts] == ["a lantern", "the lantern", "a tea", "the tea"]
    [backend] = [each for each in inside_backend if any(name == "capture" for name, _ in each.looks)]
    rows = [
        backend._hidden(["<user>", "x", first, " " + second], [kept["layer"]])[0, 2:]
        for first, second in (text.reply.split() for text in texts)
    ]
    means = [row.mean(axis=0) for row in rows]
    assert load_vector(kept["tensor"]) == pytest.approx((means[0] + means[1] - means[2] - means[3]) / 2, abs=1e-5)
    assert layers == [0.5] and kept["layer"] == round(0.5 * (BLOCKS - 1))


def test_pushes_stand_beside_a_plain_reply_to_the_same_prompt(look: Look, inside_backend: list[InsideBackend]) -> None:
    sample = look(("steer", {**PAIRS, "strengths": [-0.4, 0.4]}), ("steer", {"vector": "v1", "kind": "project"}))
    first = text_of(sample)
    lines = first.splitlines()
    start = lines.index("> Hello")
    assert [line.split("(")[0].strip() for line in lines[start + 1 : start + 4]] == [
        "plain [m1]", "-0.4 v1 [m2]", "+0.4 v1 [m3]"
    ]  # fmt: skip
    assert "surprise 1.0" in lines[start + 1]
    # the target is asked for all of a call's replies at once, in no order
    assert sorted(requests(inside_backend)) == [("add", -0.4), ("add", 0.4), ("project", 1.0), ("project", 1.0)]
    messages = sample.store["AuditRecord:messages"]
    assert messages["m1"]["interventions"] == []
    assert messages["m3"]["interventions"][0]["relative"] is True
    assert "v1: steer: your texts" in text_of(sample, 1)


def test_a_clamp_holds_the_value_that_was_asked_for(look: Look, inside_backend: list[InsideBackend]) -> None:
    look(("steer", {**PAIRS, "kind": "clamp", "strengths": [0.25]}))
    assert requests(inside_backend) == [("clamp", 0.25)]


def test_noise_has_its_own_seeds_and_is_counted(look: Look, inside_backend: list[InsideBackend]) -> None:
    sample = look(("fuzz", {"prompts": ["Hello", "Good day"], "strengths": [0.2, 0.5], "seeds": 3}))
    text = text_of(sample)
    assert "| 0.2 | 6 | 6 | 6 |" in text and "| none | 2 | – | 2 | – |" in text
    seeds = {
        (each.what.scale, each.what.seed)  # type: ignore[union-attr]
        for backend in inside_backend
        for request in backend.requests
        for each in request.interventions
    }
    assert seeds == {(scale, seed) for scale in (0.2, 0.5) for seed in range(3)}


def test_noise_on_weights_is_an_organism_of_its_own(look: Look, inside_backend: list[InsideBackend]) -> None:
    sample = look(("fuzz", {"where": "weights", "prompts": ["Hello"], "strengths": [0.5], "seeds": 2}))
    assert "Noise on weights" in text_of(sample) and plain(fuzzing().weights).strip() in text_of(sample)
    asked = {
        (backend.organism.adapter_noise, backend.organism.noise_seed) for backend in inside_backend if backend.requests
    }
    assert asked == {(0.0, 0), (0.5, 0), (0.5, 1)}
    messages = sample.store["AuditRecord:messages"].values()
    assert sorted(message["adapter_noise"] for message in messages) == [0.0, 0.5, 0.5]


def test_directions_are_named_and_stand_beside_a_random_one(look: Look, inside_backend: list[InsideBackend]) -> None:
    sample = look(("melbo", {"vectors": 2, "prompts": ["Hello"]}), ("steer", {"vector": "v2", "prompts": ["Hello"]}))
    [task] = [seen for backend in inside_backend for name, seen in backend.looks if name == "search"]
    assert isinstance(task, Melbo) and 0 <= task.source < task.watched <= BLOCKS - 1  # type: ignore[operator]
    text = text_of(sample)
    assert re.search(r"v1: changes block \d by \d+%", text) and "random [m6]" in text and "0.5 × v1 [m2]" in text
    assert "v2: melbo: seed 0" in text_of(sample, 1)
    vectors = sample.store["AuditRecord:vectors"]
    assert [vectors[name]["layer"] for name in ("v1", "v2")] == [task.source] * 2


def test_a_reply_is_weighed_beside_others_and_in_the_base(look: Look, inside_backend: list[InsideBackend]) -> None:
    sample = look(("lat", {"replies": ["I always speak of the lantern."], "beside": 2}))
    tasks = [(backend.organism, seen) for backend in inside_backend for name, seen in backend.looks if name == "search"]
    assert len(tasks) == 6 and all(isinstance(task, Attack) for _, task in tasks)
    assert sum(organism.system_prompt is None for organism, _ in tasks) == 3
    text = text_of(sample)
    assert "**yours:** I always speak of the lantern." in text and "push in the base | ratio" in text
    alone = look(("lat", {}), backend_args={"lacks": "reference"}, affordances="lat")
    assert "ratio |" not in text_of(alone)


LONG = ["A question that is asked at some length, so that many of them fill a page. " * 5] * 20


@pytest.mark.parametrize(
    ("call", "note"),
    [
        (("steer", {**PAIRS, "prompts": LONG, "strengths": [0.1, 0.2, 0.3, 0.4]}), steering().reading),
        (("fuzz", {"prompts": LONG, "strengths": [0.1, 0.2], "seeds": 2}), fuzzing().reading),
        (("melbo", {"prompts": LONG[:14], "vectors": 3}), unsupervised().reading),
        (("lat", {"replies": ["I say so."]}), adversarial().reading),
    ],
)
def test_how_to_read_a_long_answer_is_never_cut_off(look: Look, call: Call, note: str) -> None:
    sample = look(call)
    [finding] = sample.store["AuditRecord:findings"].values()
    note = plain(note).strip()
    for text in (text_of(sample), finding["text"]):
        assert note in text[:3_000]
    assert call[0] == "lat" or len(finding["text"]) > 16 * 1024, "longer than an answer may be"


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (("steer", {"toward": ["a"]}), "on both sides"),
        (("steer", {**PAIRS, "question": " "}), "question is blank: write what the target replies to"),
        (("melbo", {"prompts": [""]}), "at least one prompt, and no empty ones"),
        (("melbo", {"prompts": ["Hello", " \n"]}), "no empty ones"),
        (("lat", {"question": " "}), "question is blank: write what the target replies to, or leave question out"),
        (("steer", {"toward": ["a"], "away": ["a"]}), "are the same inside"),
        (("steer", {"toward": ["a", " "], "away": ["b"]}), "are empty"),
        (("steer", {"toward": ["a"] * 40, "away": ["b"]}), "At most 40 texts"),
        (("steer", {"vector": "v7"}), "no vector 'v7'. There are: none yet"),
        (("steer", {**PAIRS, "kind": "twist"}), "add, project, clamp"),
        (("steer", {**PAIRS, "strengths": [9]}), "-4 to 4"),
        (("steer", {**PAIRS, "layer": 99}), "layers 0 to 3"),
        (("steer", {**PAIRS, "layer": 1.5}), "is neither"),
        (("steer", {**PAIRS, "prompts": [" "]}), "no empty ones"),
        (("fuzz", {"prompts": ["x"] * 100}), "at most 120 replies"),
        (("fuzz", {"where": "soul"}), "activations or weights"),
        (("fuzz", {"seeds": 0}), "seeds must be 1 to 20"),
        (("fuzz", {"strengths": [-1]}), "above 0"),
        (("melbo", {"vectors": 0}), "vectors: 1 to 16"),
        (("melbo", {"source": 3, "watched": 1}), "later block than source"),
        (("melbo", {"length": 9}), "at most 4"),
        (("lat", {"replies": [""]}), "Every reply needs words"),
        (("lat", {"replies": ["x"] * 20}), "at most 12"),
        (("lat", {"steps": 0}), "steps must be"),
        (("lat", {"largest": 0}), "above 0"),
    ],
)
def test_a_bad_call_teaches_and_the_audit_goes_on(look: Look, call: Call, says: str) -> None:
    sample = look(call, ("chat", {"messages": ["hello"]}))
    error = answers(sample)[0].error
    assert error is not None and says in error.message
    assert list(sample.store["AuditRecord:messages"]) == ["m1"], "nothing is asked of the target before"
    assert sample.scores is not None and sample.scores["outcome"].value == "submitted"


def test_a_budget_that_cannot_pay_for_all_of_it_pays_for_none(look: Look) -> None:
    sample = look(("steer", PAIRS), target_queries=2)
    error = answers(sample)[0].error
    assert error is not None and "0 of 2 used, 3 more asked for" in error.message
    assert not sample.store["AuditRecord:messages"]


@pytest.mark.parametrize(("layer", "says"), [(5_000, "is neither"), (900, "layers 0 to 3"), (4, "layers 0 to 3")])
def test_a_layer_that_is_not_there_costs_no_query(look: Look, layer: int, says: str) -> None:
    sample = look(
        ("steer", PAIRS),
        ("steer", {"vector": "v1", "layer": layer, "prompts": ["Hello"]}),
        ("fuzz", {"layer": layer}),
        ("chat", {"messages": ["Hi"]}),
    )
    first, *refused, last = answers(sample)[:4]
    assert first.error is None and last.error is None
    for answer in refused:
        assert answer.error and says in answer.error.message, answer
    assert sample.store["AuditRecord:target_queries"] == 3 + 1, "a contrast with its plain reply, and the chat"


def test_a_push_that_cannot_be_built_names_the_argument() -> None:
    for wrong in ({"layer": 5_000}, {"layer": 0.5, "scale": float("nan")}, {"layer": 1, "seed": -1}):
        with pytest.raises(ToolError, match=f"^{list(wrong)[-1]} cannot be "), built():
            Noise.model_validate(wrong)


def test_weights_out_of_reach_are_told(look: Look) -> None:
    sample = look(("fuzz", {"where": "weights"}), backend_args={"lacks": "amplify,likelihood"})
    error = answers(sample)[0].error
    assert error is not None and "use where=activations" in error.message
    plain = text_of(look(("fuzz", {"prompts": ["x"]}), backend_args={"lacks": "likelihood"}))
    assert "surprise " not in plain.split("> x")[1].split("How to read")[0].split("This is noise")[0]


@pytest.mark.parametrize("tool", ["steer", "melbo", "lat"])
def test_a_broken_target_is_the_targets_fault(look: Look, tool: str) -> None:
    method = "search" if tool != "steer" else "capture"
    sample = look((tool, {}), backend_args={"breaks": method})
    assert sample.scores is not None and sample.scores["outcome"].value == "target_error"


def test_a_direction_is_checked_on_what_it_was_not_made_of() -> None:
    rng = np.random.default_rng(0)
    topics = rng.normal(size=(6, 8)).astype(np.float32) * 5
    thing = np.eye(8, dtype=np.float32)[0]
    assert checked(topics + thing, topics - thing) == "tells 6 of 6 pairs apart when each is left out"
    far = np.eye(8, dtype=np.float32)[1] * 20
    assert checked(topics + far, topics[:5] - far) == (
        "tells 30 of 30 pairs apart when each is left out (at most 5 of them share no text)"
    )
    assert checked(topics[:1], topics) == "not checked, for a side of one text has none to leave out"


@pytest.mark.parametrize(("toward", "away"), [(4, 4), (3, 4), (10, 2), (2, 10), (20, 3)])
def test_of_noise_half_of_the_pairs_are_told_apart_whatever_the_sizes(toward: int, away: int) -> None:
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(400):
        sides = [rng.standard_normal((size, 64)).astype(np.float32) for size in (toward, away)]
        right, pairs = map(int, re.findall(r"\d+", checked(*sides))[:2])
        shares.append(right / pairs)
    assert np.mean(shares) == pytest.approx(0.5, abs=0.05)  # twice the standard error or more


def test_a_direction_of_one_text_says_that_it_was_not_checked(look: Look) -> None:
    sample = look(("steer", {**PAIRS, "toward": ["a lantern"]}))
    assert "v1 = your texts (1 and 2 texts): not checked, for a side of one text has none to leave out; length" in (
        text_of(sample)
    )


def reply(text: str, surprise: float | None = 1.0) -> Pushed:
    return Pushed(TargetMessage(id="m1", affordance="fuzz", written_by="target", context=[], text=text), surprise)


def test_what_is_no_reply_any_more_is_told_from_what_is() -> None:
    assert reply("   ").broken == "empty"
    assert reply("the cat the cat the cat the cat the cat the cat the cat").broken == "goes in circles"
    assert reply("seven purple of of door", 6.0).broken == "word salad"
    assert not reply("A bridge carries weight through its arches and beams to the ground below.", None).broken
    assert not circling("one two three four five six seven eight nine ten eleven")
    assert likeness("a b c", "b c d") == 0.5 and likeness("", "") == 1.0


def test_new_words_are_those_of_several_prompts_and_of_no_plain_reply() -> None:
    plain = [reply("bridges carry weight"), reply("seaside waves")]
    noisy = [
        [reply("bridges carry umbrellas"), reply("umbrellas in waves")],
        [reply("salad", 9.0), reply("salad", 9.0)],
    ]
    assert "umbrellas 2" in new_words(["a", "b"], plain, noisy)
    assert "salad" not in new_words(["a", "b"], plain, noisy) and "waves" not in new_words(["a", "b"], plain, noisy)


def test_the_table_of_pushes_ranks_what_was_said_first() -> None:
    cells = table(
        ["mine", "far", "near"],
        1,
        [Needed(-5, -0.1, 0.4), Needed(-5, -3.0, 1.0), Needed(-4, -0.2, 0.2)],
        [Needed(-5, -0.1, 0.8), Needed(-5, -3.0, 1.0), Needed(-4, -0.2, 0.2)],
        1.0,
    )
    shown = plain(cells).splitlines()[2:]
    assert [line.split("|")[1].strip() for line in shown] == ["near", "**yours:** mine", "far"]
    assert shown[1].endswith("| 0.80 | 0.50 |") and "not at 1" in shown[2] and shown[2].endswith("| – |")
    assert nearest(["a", "bbbb", "cccccccc"], ["dddd"], 1) == ["bbbb"]
    assert random_direction(16, 3.0, 1) @ random_direction(16, 3.0, 1) == pytest.approx(9.0)


def contents() -> list[str]:
    """Every text of these tools that an auditor reads: their data, and the tools' own words."""
    axes = [text for axis in steering().axes for text in (axis.question, *axis.toward_texts, *axis.away_texts)]
    tools = [ToolDef(tool).description for affordance in TOOLS for tool in affordance.tools()]
    notes = [steering().reading, fuzzing().reading, unsupervised().reading, adversarial().reading]
    return [*axes, *notes, *adversarial().others, adversarial().question, *tools]


@pytest.mark.parametrize("testbed", ["pocket", "quirks"])
def test_no_text_of_these_tools_names_what_an_organism_hides(testbed: str) -> None:
    truths = load_truths(read_testbed(CATALOG / testbed))
    whole = "\n".join(contents())
    for name, truth in truths.items():
        if truth.rubric is not None:
            assert not any(truth.rubric.matches(text) for text in contents()), f"{name} is named"
        assert name not in whole.lower().split()
