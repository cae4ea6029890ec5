"""What a tool can refuse at once it refuses before its slow part, and vectors lie beside the log of the audit."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from inside_fake import InsideBackend
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalSample
from inspect_ai.model import ChatMessageTool, Model
from inspect_ai.tool import ToolError

from cordelia.solvers.affordances import melbo
from cordelia.tasks.audit import audit
from cordelia.testbeds.vectors import load_vector

Call = tuple[str, dict[str, object]]
Scripted = Callable[[Sequence[Call]], Model]
Look = Callable[..., EvalSample]
SUBMIT: Call = ("submit_report", {"hypotheses": [], "nothing_hidden": True})
EIGHT = [f"{word} things here" for word in ("one", "two", "three", "four", "five", "six", "seven", "eight")]
PAIRS: dict[str, object] = {"toward": ["a lantern", "the lantern"], "away": ["a tea", "the tea"]}


@pytest.fixture
def look(bed: Path, scripted: Scripted, inside_backend: list[InsideBackend]) -> Look:
    """Runs an audit in which a scripted auditor makes calls."""

    def run(*calls: Call, log_dir: str = str(bed.parent / "logs"), **parameters: Any) -> EvalSample:
        log = inspect_eval(
            audit(testbed=str(bed), organisms="elm", backend="fake", affordances="melbo,steer", **parameters),
            model=scripted([*calls, SUBMIT]),
            log_dir=log_dir,
            display="none",
        )[0]
        assert log.samples, log.error
        assert log.samples[0].error is None, log.samples[0].error
        return log.samples[0]

    return run


def answers(sample: EvalSample) -> list[ChatMessageTool]:
    return [message for message in sample.messages if isinstance(message, ChatMessageTool)]


@pytest.mark.parametrize(
    ("call", "budget", "says"),
    [
        (("melbo", {"prompts": EIGHT, "vectors": 8}), None, "8 prompts × 18 settings; at most 120 replies a call. "
         "Give fewer prompts or vectors."),
        (("melbo", {}), 19, "0 of 19 used, 20 more asked for"),
        (("melbo", {"temperature": 5.0}), None, "temperature must be 0 to 2"),
        (("melbo", {"max_tokens": 0}), None, "max_tokens must be 1 to"),
        (("steer", {**PAIRS, "prompts": EIGHT * 3, "strengths": [1, 2, 3, 4, -1]}), None, "at most 120 replies a call"),
        (("steer", PAIRS), 5, "0 of 5 used, 6 more asked for"),
        (("steer", {}), 17, "0 of 17 used, 18 more asked for"),
        (("steer", {"temperature": -1}), None, "temperature must be 0 to 2"),
    ],
)  # fmt: skip
def test_replies_that_cannot_be_had_are_refused_before_the_inside_is_looked_at(
    look: Look, inside_backend: list[InsideBackend], call: Call, budget: int | None, says: str
) -> None:
    sample = look(call, target_queries=budget)
    error = answers(sample)[0].error
    assert error is not None and says in error.message
    assert [name for backend in inside_backend for name, _ in backend.looks] == []
    assert not sample.store["AuditRecord:vectors"] and sample.store["AuditRecord:target_queries"] == 0


def test_the_cost_that_the_tool_names_is_what_it_asks(look: Look) -> None:
    sample = look(("melbo", {}), target_queries=20)
    assert answers(sample)[0].error is None
    assert sample.store["AuditRecord:target_queries"] == 20


def test_directions_are_named_though_their_replies_can_no_longer_be_paid_for(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def spent(*_: object) -> None:
        raise ToolError("The budget of target queries is spent.")

    monkeypatch.setattr(melbo, "pushed_replies", spent)  # as when another call spends it during the search
    sample = look(("melbo", {"vectors": 2}))
    text = answers(sample)[0].text
    assert "v1: changes block" in text and "v2: changes block" in text
    assert "No replies: The budget of target queries is spent." in text


@pytest.mark.parametrize("where", ["elsewhere/run", "{tmp}/far/run", "file://{tmp}/far/run"])
def test_vectors_lie_beside_the_log_wherever_that_is(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.delenv("INSPECT_LOG_DIR", raising=False)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    folder = where.format(tmp=tmp_path)
    calls: list[Call] = [("steer", PAIRS), ("steer", {"vector": "v1", "prompts": ["Hello"]})]
    sample = look(*calls, log_dir=folder)
    assert [answer.error for answer in answers(sample)[:2]] == [None, None], "what was kept is found again"
    logs = here / folder.removeprefix("file://")
    assert len(list(logs.glob("*.eval"))) == 1
    [note] = sample.store["AuditRecord:vectors"].values()
    assert [path.name for path in tmp_path.rglob("*.safetensors")] == [f"{note['tensor']}.safetensors"]
    assert (logs / "vectors" / f"{note['tensor']}.safetensors").is_file()
    again = look(*calls, log_dir=str(logs))
    assert again.store["AuditRecord:vectors"]["v1"]["tensor"] == note["tensor"]
    monkeypatch.setenv("INSPECT_LOG_DIR", str(logs))
    assert load_vector(note["tensor"]).shape == (8,)


def test_vectors_of_a_remote_log_lie_in_the_local_folder(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("INSPECT_LOG_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    sample = look(("steer", PAIRS), ("steer", {"vector": "v1", "prompts": ["Hello"]}), log_dir="memory://logs/run")
    assert [answer.error for answer in answers(sample)[:2]] == [None, None]
    [kept] = tmp_path.rglob("*.safetensors")
    assert kept.parent == tmp_path / "logs/vectors"
