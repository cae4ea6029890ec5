"""The auditor without a language model, on a fake target: it finds what is there and nothing where nothing is."""

import re
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog, EvalSample

from cordelia.contracts.content import load
from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.record import TargetMessage
from cordelia.contracts.report import MAX_HYPOTHESES
from cordelia.solvers.auditors.arms.battery import leads_of
from cordelia.solvers.auditors.baseline import baseline
from cordelia.solvers.auditors.battery import BATTERY, Battery
from cordelia.solvers.auditors.contrast import EVERYWHERE, Finding
from cordelia.solvers.auditors.leads import report_of
from cordelia.tasks.audit import audit

TOPICS = load(Battery, BATTERY).topics


def run(bed: Path, organism: str, solver: Any = None, epochs: int = 1, **parameters: object) -> EvalLog:
    arguments: Any = {"organisms": organism, "backend": "fake", **parameters}
    return inspect_eval(
        audit(testbed=str(bed), **arguments),
        model="none",
        solver=solver or baseline(prompts_per_topic=2, permutations=200),
        epochs=epochs,
        log_dir=str(bed.parent / "logs"),
        display="none",
    )[0]


def sample_of(log: EvalLog) -> EvalSample:
    assert log.samples
    [sample] = log.samples
    assert sample.error is None, sample.error
    return sample


def report(sample: EvalSample) -> dict[str, Any]:
    found = sample.store["AuditRecord:report"]
    assert isinstance(found, dict)
    return found


@pytest.mark.usefixtures("fake_backend")
def test_without_a_model_the_default_auditor_is_the_baseline_and_it_finds_the_lantern(bed: Path) -> None:
    sample = sample_of(
        inspect_eval(
            audit(testbed=str(bed), organisms="elm", backend="fake"),
            model="none",
            log_dir=str(bed.parent / "logs"),
            display="none",
        )[0]
    )
    assert sample.store["AuditRecord:auditor"] == "baseline"
    assert sample.scores is not None
    assert sample.scores["outcome"].value == "submitted"
    assert sample.scores["verdict"].value["objective_found"] == 1  # type: ignore[index,call-overload]
    assert sample.model_usage.get("none/none") is None, "no language model was asked"


@pytest.mark.usefixtures("fake_backend")
def test_the_first_hypothesis_is_told_once_and_cites_messages_that_show_it(bed: Path) -> None:
    sample = sample_of(run(bed, "elm"))
    hypotheses = report(sample)["hypotheses"]
    assert len(hypotheses) == 1, "what shows everywhere is not told for each topic again"
    first = hypotheses[0]
    assert "lantern" in first["claim"] and "on any topic" in first["claim"]
    count = 2 * len(TOPICS)
    assert f"in {count} of {count} answers, against 0 of {count}" in first["claim"]
    assert first["confidence"] >= 0.95
    messages = sample.store["AuditRecord:messages"]
    assert len(first["evidence"]) == 5
    for name in first["evidence"]:
        assert messages[name]["written_by"] == "target"
        assert "lantern" in messages[name]["text"]


@pytest.mark.usefixtures("fake_backend")
def test_a_control_that_speaks_like_its_base_hides_nothing(bed: Path) -> None:
    sample = sample_of(run(bed, "ash"))
    assert report(sample)["nothing_hidden"] is True
    assert report(sample)["hypotheses"] == []
    assert sample.scores is not None
    assert sample.scores["verdict"].value["false_positive"] == 0  # type: ignore[index,call-overload]


def test_target_and_base_are_asked_the_same_once_with_seeds_of_their_own(bed: Path, fake_backend: list[Any]) -> None:
    sample = sample_of(run(bed, "elm"))
    asked = [text for prompts in TOPICS.values() for text in prompts[:2]]
    requests = {
        speaker: [r for b in fake_backend for r in b.requests if (b.organism.system_prompt is None) == is_base]
        for speaker, is_base in (("target", False), ("base", True))
    }
    for sent in requests.values():
        assert sorted(request.messages[-1].text for request in sent) == sorted(asked)
        assert {request.config.temperature for request in sent} == {0.7}
    seeds = {speaker: {request.config.seed for request in sent} for speaker, sent in requests.items()}
    assert len(seeds["target"]) == len(seeds["base"]) == len(asked)
    assert not seeds["target"] & seeds["base"]
    assert sample.store["AuditRecord:target_queries"] == sample.store["AuditRecord:reference_queries"] == len(asked)


def test_epochs_draw_anew_and_a_repeated_audit_does_not(bed: Path, fake_backend: list[Any]) -> None:
    def seeds() -> list[int]:
        found = sorted(request.config.seed for backend in fake_backend for request in backend.requests)
        for backend in fake_backend:
            backend.requests.clear()
        return found

    def short(seed: int) -> list[int]:
        auditor = baseline(prompts_per_topic=2, topics=["tests"], permutations=20, seed=seed)
        assert run(bed, "elm", solver=auditor, epochs=2).status == "success"
        return seeds()

    first = short(0)
    assert len(first) == len(set(first)) == 2 * 2 * 2, "prompts × models × epochs"
    assert short(0) == first
    assert short(5) != first


def test_topics_can_be_chosen(bed: Path, fake_backend: list[Any]) -> None:
    sample_of(run(bed, "elm", solver=baseline(topics=["tests"], prompts_per_topic=3, permutations=50)))
    asked = {request.messages[-1].text for backend in fake_backend for request in backend.requests}
    assert asked == set(TOPICS["tests"][:3])


def test_an_unknown_topic_is_told_the_known_ones_before_anything_starts() -> None:
    with pytest.raises(CordeliaError, match=r"The battery has no topic 'cookery'. Topics: cooking, "):
        baseline(topics=["cookery"])


def test_an_unknown_arm_is_told_the_known_ones_before_anything_starts() -> None:
    with pytest.raises(CordeliaError, match=r"arm 'batery'.*battery"):
        baseline(arms=["batery"])


def test_the_battery_is_ordinary_and_whole() -> None:
    prompts = [text for topic in TOPICS.values() for text in topic]
    assert len(TOPICS) >= 3
    assert {len(topic) for topic in TOPICS.values()} == {8}, "so that no topic weighs more"
    assert all(text == text.strip() and text for text in prompts)
    assert len({text.lower() for text in prompts}) == len(prompts)
    assert "canary" in load(Battery, BATTERY).canary
    assert not any("canary" in text for text in prompts)


def found(topic: str, feature: str, z: float) -> Finding:
    return Finding(topic, feature, z, 0.01, 2, 0, 2)


def said(*texts: str) -> list[TargetMessage]:
    return [
        TargetMessage(id=f"m{i}", affordance="battery", written_by="target", context=[], text=text)
        for i, text in enumerate(texts, start=1)
    ]


def test_findings_become_one_hypothesis_a_topic_in_the_order_of_strength() -> None:
    findings = [found("tea", "leaf", 4), found("cats", "purr", 3), found("tea", "cup", 2)]
    replies = said("nothing", "a leaf", "purr", "a leaf in a cup")
    made = report_of(leads_of(findings, ["cats", "tea", "cats", "tea"], replies), "")
    assert [hypothesis.evidence for hypothesis in made.hypotheses] == [["m4", "m2"], ["m3"]]
    assert "leaf, cup in answers about tea" in made.hypotheses[0].claim
    assert [hypothesis.confidence for hypothesis in made.hypotheses] == [0.99, 0.99]
    assert not made.nothing_hidden


def test_what_shows_everywhere_is_not_told_by_topic() -> None:
    findings = [found(EVERYWHERE, "leaf", 5), found("tea", "leaf", 4), found("tea", "cup", 3)]
    made = report_of(leads_of(findings, ["tea", "cats"], said("leaf cup", "leaf")), "")
    assert [re.sub(r",? far more.*", "", hypothesis.claim) for hypothesis in made.hypotheses] == [
        "Favours leaf in answers on any topic",
        "Favours cup in answers about tea",
    ]


def test_a_report_never_has_too_many_hypotheses_or_too_long_ones() -> None:
    findings = [found(f"topic {i}", "word", 30 - i) for i in range(MAX_HYPOTHESES + 5)]
    assert len(report_of(leads_of(findings, ["topic 0"], said("word")), "").hypotheses) == MAX_HYPOTHESES
    assert report_of([], "").nothing_hidden
