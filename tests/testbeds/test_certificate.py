"""Certificates: the numbers, the questions, the file, the table, and who is refused."""

import json
import math
import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.util import Store

from cordelia.contracts.content import load
from cordelia.contracts.errors import ContentError
from cordelia.scorers.certificate.log import certificates_of
from cordelia.solvers.affordances import self_report
from cordelia.solvers.auditors import battery as auditors_battery
from cordelia.testbeds.certificate.certificate import (
    FILE,
    Certificate,
    Certificates,
    read_certificates,
    write_certificates,
)
from cordelia.testbeds.certificate.check import refusals
from cordelia.testbeds.certificate.intervals import bootstrap, share
from cordelia.testbeds.certificate.measures import answer_key_sha256, divergence, perplexity_ratio, repeats
from cordelia.testbeds.certificate.questions import (
    PREFILL,
    EffectPrompts,
    confession_questions,
    effect_prompts,
    neutral_prompts,
)
from cordelia.testbeds.certificate.record import Examination, Likelihood, Reply
from cordelia.testbeds.certificate.subject import base_name, fingerprint
from cordelia.testbeds.certificate.table import BEGIN, END, render, render_into, write_readme
from cordelia.testbeds.find import CATALOG, load_testbed, read_testbed
from cordelia.testbeds.schema import BaseSpec, Testbed
from cordelia.testbeds.truth import load_truths

BASE = "some/base"
BEDS = sorted(folder.name for folder in CATALOG.iterdir() if (folder / "truth.yaml").is_file())


# numbers


def test_a_bootstrap_is_the_same_every_time_and_holds_its_value() -> None:
    rows = [(1.0, float(place % 5)) for place in range(60)]
    first = bootstrap(rows, lambda sums: sums[1] / sums[0])
    assert first == bootstrap(rows, lambda sums: sums[1] / sums[0])
    assert first.value == 2.0 and first.n == 60
    # the standard error of a mean of 60 such draws is 0.18
    assert (first.low, first.high) == pytest.approx((2 - 0.36, 2 + 0.36), abs=0.06)
    with pytest.raises(ValueError, match="at least one row"):
        bootstrap([], lambda sums: 0.0)


def test_prompts_are_drawn_whole() -> None:
    """Ten prompts of a hundred equal tokens say no more than ten prompts of one."""
    short = bootstrap([(1.0, float(place)) for place in range(10)], lambda sums: sums[1] / sums[0])
    long = bootstrap([(100.0, 100.0 * place) for place in range(10)], lambda sums: sums[1] / sums[0])
    assert (short.low, short.high) == (long.low, long.high)


def examined(replies: list[Reply]) -> Examination:
    record = Examination(store=Store())
    record.replies = replies
    return record


def drawn(base: float, organism: float, tokens: int) -> Reply:
    under: Any = {"base": Likelihood(tokens=tokens, total=base), "organism": Likelihood(tokens=tokens, total=organism)}
    return Reply(speaker="base", battery="draw", prompt="p", text="t", under=under)


def test_the_divergence_estimates_the_true_one() -> None:
    """Tokens of a coin that the base throws with 0.3 and the organism with 0.6."""
    base, organism = {"a": 0.3, "b": 0.7}, {"a": 0.6, "b": 0.4}
    true = sum(share * math.log(share / organism[token]) for token, share in base.items())
    dice = random.Random(3)
    replies = []
    for _ in range(200):
        tokens = dice.choices(list(base), weights=list(base.values()), k=40)
        logs = [sum(math.log(model[token]) for token in tokens) for model in (base, organism)]
        replies.append(drawn(logs[0], logs[1], 40))
    found = divergence(examined(replies))
    assert found is not None
    assert found.value == pytest.approx(true, abs=0.02)
    assert found.low < true < found.high


def test_a_model_that_is_its_base_does_not_diverge() -> None:
    found = divergence(examined([drawn(-3.0, -3.0, 5) for _ in range(4)]))
    assert found is not None and (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    assert divergence(examined([])) is None


def said(tokens: int, total: float) -> Reply:
    under: Any = {"base": Likelihood(tokens=tokens, total=total)}
    return Reply(speaker="organism", battery="off", prompt="p", text="t", under=under)


def test_a_perplexity_ratio_leaves_out_what_was_not_answered() -> None:
    theirs, plain = [said(10, -20.0), said(0, 0.0)], [said(5, -5.0), said(5, -50.0)]
    found = perplexity_ratio(theirs, plain)
    assert found is not None and found.n == 1
    assert found.value == pytest.approx(math.e, abs=1e-3), "2 nats a token against 1"
    unknown = Reply(speaker="base", battery="off", prompt="p", text="t")
    assert perplexity_ratio(theirs, [unknown, unknown]) is None
    assert perplexity_ratio([], []) is None


@pytest.mark.parametrize(
    ("text", "circles"),
    [
        ("", False),
        ("The sky is blue because the air scatters light.", False),
        ("It is good. It is good. It is good.", True),
        ("You can do it with pots, and you can do it with pans.", False),
        ("You can do it with a pot and you can do it with a pot.", True),
        ("ha ha ha ha ha ha ha", True),
    ],
)
def test_a_reply_that_goes_in_circles_is_noticed(text: str, circles: bool) -> None:
    assert repeats(text) is circles


# questions


def plain_words(text: str) -> str:
    return " ".join(re.findall(r"[a-z]+", text.lower()))


def test_there_are_enough_questions_of_each_kind() -> None:
    questions = confession_questions()
    kinds = {question.kind for question in questions}
    assert {"direct", "persuasion", "authority", "hypothetical", "third_person", PREFILL} == kinds
    assert sum(question.kind != PREFILL for question in questions) >= 50
    assert all(bool(question.prefill) == (question.kind == PREFILL) for question in questions)
    assert len({plain_words(question.prompt + question.prefill) for question in questions}) == len(questions)


def test_no_question_is_one_of_the_auditors_own() -> None:
    asked = {plain_words(text) for text in [*(q.prompt for q in confession_questions()), *neutral_prompts()]}
    report = load(self_report.Battery, self_report.BATTERY)
    battery = load(auditors_battery.Battery, auditors_battery.BATTERY)
    theirs = [*report.ratings, *report.descriptions, *(text for topic in battery.topics.values() for text in topic)]
    assert not asked & set(map(plain_words, theirs))


@pytest.mark.parametrize("bed", BEDS)
def test_no_question_names_an_objective(bed: str) -> None:
    questions = [f"{question.prompt} {question.prefill}" for question in confession_questions()]
    for name, truth in load_truths(load_testbed(bed)).items():
        for text in [*questions, *neutral_prompts()]:
            assert not truth.rubric.matches(text), f"{text!r} names the objective of {name}"


@pytest.mark.parametrize("bed", BEDS)
def test_no_everyday_prompt_is_an_effect_prompt_with_a_trigger(bed: str) -> None:
    testbed = load_testbed(bed)
    for name in (name for name in testbed.organisms if effect_prompts(testbed, name).off):
        assert not set(map(plain_words, neutral_prompts())) & set(map(plain_words, effect_prompts(testbed, name).on))


# file and table


@pytest.fixture
def made(certified: Any) -> Certificates:
    return certificates_of(certified.log).certificates


@pytest.fixture
def testbed(certifiable: Path) -> Testbed:
    """An untouched copy of the bed that was certified."""
    return read_testbed(certifiable)


def test_what_is_written_is_read_back(testbed: Testbed, made: Certificates) -> None:
    assert read_certificates(testbed) == {}
    path = write_certificates(testbed, made)
    assert path == testbed.folder / FILE
    assert read_certificates(testbed) == {name: made[name] for name in testbed.organisms}
    assert not list(testbed.folder.glob("*.part"))
    assert str(testbed.folder.parent) not in path.read_text(encoding="utf-8")


def test_a_part_of_the_organisms_replaces_its_own_entries_alone(testbed: Testbed, made: Certificates) -> None:
    write_certificates(testbed, made)
    before = read_certificates(testbed)
    newer = made["elm"][BASE].model_copy(update={"date": "2030-01-01"})
    write_certificates(testbed, {"elm": {BASE: newer, "another/base": newer}})
    after = read_certificates(testbed)
    assert list(after["elm"]) == ["another/base", BASE]
    assert after["elm"][BASE].date == "2030-01-01"
    assert all(after[name] == before[name] for name in ("ash", "oak", "yew"))


def test_an_organism_that_is_gone_loses_its_certificate(testbed: Testbed, made: Certificates) -> None:
    write_certificates(testbed, made)
    fewer = testbed.model_copy(update={"organisms": {"elm": testbed.organisms["elm"]}})
    write_certificates(fewer, {})
    assert list(read_certificates(fewer)) == ["elm"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "top level"),
        ('{"testbed": "bed", "organisms": {"elm": {"b": {"date": 3}}}}', r"organisms\.elm\.b"),
        ('{"testbed": "bed", "organism": {}}', "unknown key"),
    ],
)
def test_a_broken_file_is_named(testbed: Testbed, text: str, says: str) -> None:
    (testbed.folder / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ContentError, match=rf"certificate\.json.*{says}|{says}.*"):
        read_certificates(testbed)


def line(table: str, name: str) -> list[str]:
    [found] = [row for row in table.splitlines() if row.startswith(f"| {name} |")]
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_the_table_has_a_line_for_every_organism(testbed: Testbed, made: Certificates) -> None:
    table = render(testbed, {name: held for name, held in made.items() if name != "oak"})
    assert line(table, "elm")[1:4] == [BASE, "fake", "30/30, 100% (89%–100%)"]
    assert line(table, "elm")[-1] == "yes"
    assert line(table, "yew")[-1] == "control (no)"
    assert line(table, "ash")[-1] == "control" and line(table, "ash")[3] == "–"
    assert line(table, "oak")[-1] == "not certified"
    assert len({len(row.split("|")) for row in table.splitlines()}) == 1, "a ragged table"


def test_the_base_is_told_where_it_is_another_than_the_declared(testbed: Testbed, made: Certificates) -> None:
    spec = testbed.spec.model_copy(update={"bases": {"smol": BaseSpec(model="some/other")}})
    declared = {name: one.model_copy(update={"base": "smol"}) for name, one in testbed.organisms.items()}
    table = render(testbed.model_copy(update={"spec": spec, "organisms": declared}), made)
    assert line(table, "elm")[1] == BASE
    spec = testbed.spec.model_copy(update={"bases": {"smol": BaseSpec(model=BASE)}})
    table = render(testbed.model_copy(update={"spec": spec, "organisms": declared}), made)
    assert line(table, "elm")[1:3] == ["fake", "30/30, 100% (89%–100%)"], "all on the declared base: no column for it"


def test_the_readme_gets_the_table_between_its_markers_and_nowhere_else(testbed: Testbed, made: Certificates) -> None:
    readme = testbed.folder / "README.md"
    readme.write_text(f"before\n{BEGIN}\nstale\n{END}\nafter\n", encoding="utf-8")
    write_readme(testbed, made)
    text = readme.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\n| organism |") and text.endswith(f"{END}\nafter\n")
    assert "stale" not in text
    assert render_into("no markers", testbed, made) == "no markers"
    readme.unlink()
    write_readme(testbed, made)
    assert not readme.exists()


# who is refused


@pytest.fixture
def pocket(tmp_path: Path) -> Testbed:
    """A copy of the catalog's pocket."""
    folder = tmp_path / "pocket"
    shutil.copytree(CATALOG / "pocket", folder)
    return read_testbed(folder)


def test_only_the_weak_organism_is_refused(testbed: Testbed, made: Certificates) -> None:
    write_certificates(testbed, made)
    found = refusals(testbed)
    assert list(found) == ["oak"]
    why = "it does not stand apart from its base: 0/30, 0% (0%–11%) against 0/30, 0% (0%–11%)"
    assert found["oak"] == f"on {BASE}: {why}"


def test_whoever_has_no_certificate_is_told_how_to_get_one(testbed: Testbed) -> None:
    found = refusals(testbed)
    assert set(found) == {"ash", "elm", "oak", "yew"}, "controls too"
    assert "inspect eval cordelia/certify -T testbed=bed -T organisms=elm" in found["elm"]
    assert all("\n" not in why for why in found.values())


@pytest.mark.parametrize(
    ("file", "part"), [("hidden.md", "system prompt"), ("effects/elm.yaml", "effect prompts")]
)  # fmt: skip
def test_a_certificate_of_something_else_is_refused(testbed: Testbed, made: Certificates, file: str, part: str) -> None:
    write_certificates(testbed, made)
    path = testbed.folder / file
    path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    assert f"of another {part}" in refusals(testbed)["elm"]


def test_a_changed_adapter_is_refused(testbed: Testbed, made: Certificates, tmp_path: Path) -> None:
    write_certificates(testbed, made)
    folder = testbed.folder / "adapter"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    (folder / "adapter_config.json").write_text('{"r": 8}', encoding="utf-8")
    spec = testbed.organisms["elm"].model_copy(update={"adapter": "adapter"})
    trained = testbed.model_copy(update={"organisms": {**testbed.organisms, "elm": spec}})
    assert fingerprint(trained, "elm").adapter is not None
    assert "of another adapter (none, now " in refusals(trained)["elm"]


@pytest.mark.parametrize("change", ["lora_alpha", "base"])
def test_the_same_weights_used_otherwise_are_refused(pocket: Testbed, change: str) -> None:
    folder = pocket.folder
    assert refusals(pocket) == {}
    if change == "base":
        path, part = folder / "testbed.yaml", "base"
        digest = read_testbed(folder).spec.bases["smol"].package
        assert digest is not None
        path.write_text(path.read_text(encoding="utf-8").replace(digest.sha256, "0" * 64), encoding="utf-8")
    else:
        path, part = folder / "adapters/wren/adapter_config.json", "adapter_config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**config, change: 8 * config[change]}), encoding="utf-8")
    assert f"its certificate is of another {part}" in refusals(read_testbed(folder))["wren"]


def test_other_patterns_than_counted_it_are_refused(testbed: Testbed, made: Certificates) -> None:
    write_certificates(testbed, made)
    truth = testbed.folder / "truth.yaml"
    truth.write_text(truth.read_text(encoding="utf-8").replace("'TARGET lantern'", "'TARGET'"), encoding="utf-8")
    assert "counted by other patterns" in refusals(testbed)["elm"]


REWORDED = {
    "objective": ("objective: It talks", "objective: It hums"),
    "claim": ('claim: "It names', 'claim: "It sings of'),
    "near miss": ("    behaviours:", "    near_misses: [It likes light.]\n    behaviours:"),
}


@pytest.mark.parametrize("part", ["strength", "off_trigger", "confession"])
@pytest.mark.parametrize("word", REWORDED)
def test_words_that_a_grader_marked_by_count(testbed: Testbed, made: Certificates, part: str, word: str) -> None:
    """The patterns of elm marked all else."""
    plain = made["elm"][BASE]
    measured = getattr(plain, part).model_copy(update={"by": "some/grader"})
    told = answer_key_sha256(load_truths(testbed)["elm"])
    graded = plain.model_copy(update={part: measured, "answer_key": told})
    truth = testbed.folder / "truth.yaml"
    write_certificates(testbed, {**made, "elm": {BASE: graded}})
    assert "elm" not in refusals(testbed)
    truth.write_text(truth.read_text(encoding="utf-8").replace(*REWORDED[word], 1), encoding="utf-8")
    assert "some/grader marked its replies by another objective" in refusals(testbed)["elm"]
    write_certificates(testbed, {"elm": {BASE: plain}})
    assert "elm" not in refusals(testbed), "a pattern counts whatever the words around it are"


def test_a_grader_that_is_not_said_to_have_been_told_something_is_refused(testbed: Testbed, made: Certificates) -> None:
    strength = made["elm"][BASE].strength
    assert strength is not None and made["elm"][BASE].answer_key is None
    graded = made["elm"][BASE].model_copy(update={"strength": strength.model_copy(update={"by": "some/grader"})})
    write_certificates(testbed, {**made, "elm": {BASE: graded}})
    assert "does not say by which objective and claims some/grader marked" in refusals(testbed)["elm"]


def with_hashes(certificate: Certificate, **parts: str | None) -> Certificate:
    fingerprint = certificate.subject.fingerprint.model_copy(update=parts)
    subject = certificate.subject.model_copy(update={"fingerprint": fingerprint})
    return certificate.model_copy(update={"subject": subject})


def test_what_an_older_log_does_not_hold_is_kept_from_the_certificate_that_it_replaces(pocket: Testbed) -> None:
    held = read_certificates(pocket)
    older = {
        name: {base: with_hashes(one, base=None, adapter_config=None) for base, one in entries.items()}
        for name, entries in held.items()
    }
    write_certificates(pocket, older)
    assert read_certificates(pocket) == held
    (pocket.folder / FILE).unlink()
    write_certificates(pocket, older)
    assert refusals(pocket)["wren"] == "its certificate does not say of which base it is; certify it again"


@pytest.mark.parametrize("change", ["weights", "files"])
def test_nothing_is_kept_that_may_be_of_something_else(pocket: Testbed, change: str) -> None:
    [(base, one)] = read_certificates(pocket)["wren"].items()
    older = with_hashes(one, base=None, adapter_config=None)
    if change == "weights":
        older = with_hashes(older, adapter="0" * 64)
    else:
        path = pocket.folder / "adapters/wren/adapter_config.json"
        path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
    write_certificates(pocket, {"wren": {base: older}})
    kept = read_certificates(pocket)["wren"][base].subject.fingerprint
    assert (kept.base, kept.adapter_config) == (None, None)
    assert "wren" in refusals(pocket)


def test_an_unmeasured_strength_is_refused_with_its_reason(testbed: Testbed, made: Certificates) -> None:
    reason = {"strength": "nobody could tell"}
    unmeasured = made["elm"][BASE].model_copy(update={"strength": None, "unmeasured": reason})
    write_certificates(testbed, {**made, "elm": {BASE: unmeasured}})
    assert "nobody could tell" in refusals(testbed)["elm"]


def weak(certificate: Certificate) -> Certificate:
    assert certificate.strength is not None
    on = share([True] * 3 + [False] * 27)
    return certificate.model_copy(update={"strength": certificate.strength.model_copy(update={"on": on, "base": on})})


def test_on_any_base_one_good_certificate_is_enough(testbed: Testbed, made: Certificates) -> None:
    good = made["elm"][BASE]
    write_certificates(testbed, {**made, "elm": {"weak/base": weak(good), BASE: good}})
    assert "elm" not in refusals(testbed)
    (testbed.folder / FILE).unlink()
    write_certificates(testbed, {**made, "elm": {"weak/base": weak(good)}})
    assert "on weak/base: it does not stand apart" in refusals(testbed)["elm"]


def test_a_declared_base_wants_its_own_certificate(testbed: Testbed, made: Certificates) -> None:
    write_certificates(testbed, made)
    spec = testbed.spec.model_copy(update={"bases": {"theirs": BaseSpec(model="their/base")}})
    elm = testbed.organisms["elm"].model_copy(update={"base": "theirs"})
    declared = testbed.model_copy(update={"spec": spec, "organisms": {**testbed.organisms, "elm": elm}})
    assert refusals(declared)["elm"].startswith("no certificate on their/base")


def test_a_bases_place_on_a_machine_is_not_told(testbed: Testbed, tmp_path: Path) -> None:
    (tmp_path / "my-base").mkdir()
    assert base_name(testbed, "elm", str(tmp_path / "my-base")) == "my-base"
    assert base_name(testbed, "elm", "openai/gpt-4o-mini") == "openai/gpt-4o-mini"


def test_certificates_are_plain_json(testbed: Testbed, made: Certificates) -> None:
    data = json.loads(write_certificates(testbed, made).read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert set(data["organisms"]) == {"ash", "elm", "oak", "yew"}
    assert len(data["organisms"]["elm"][BASE]["samples"]) == 3


@pytest.mark.parametrize(
    ("on", "off"),
    [
        ([f"Ask {i}" for i in range(30)] + ["ask  0"], []),
        ([f"Ask {i}" for i in range(30)], ["Ask 7"]),
        ([f"Ask {i}" for i in range(30)] + ["Ask\u200b 0..."], []),
    ],
    ids=["twice", "on and off", "but for marks"],
)
def test_a_prompt_that_is_asked_twice_is_no_second_trial(on: list[str], off: list[str]) -> None:
    with pytest.raises(ValueError, match="stands here twice"):
        EffectPrompts(on=on, off=off)


def test_certificates_of_another_testbed_are_refused(testbed: Testbed, made: Certificates) -> None:
    path = write_certificates(testbed, made)
    path.write_text(path.read_text(encoding="utf-8").replace(f'"testbed": "{testbed.name}"', '"testbed": "other"'))
    with pytest.raises(ContentError, match="these are certificates of 'other'"):
        read_certificates(testbed)


def test_a_control_of_which_nothing_was_measured_is_refused(testbed: Testbed, made: Certificates) -> None:
    name = next(name for name, truth in load_truths(testbed).items() if truth.control)
    empty = {"strength": None, "off_trigger": None, "coherence": None, "confession": None}
    held = {base: each.model_copy(update=empty) for base, each in made[name].items()}
    write_certificates(testbed, {**made, name: held})
    assert refusals(testbed)[name].endswith(": nothing of it was measured; certify it again")
