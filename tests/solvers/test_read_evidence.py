"""read_evidence: messages, documents and observations again, whole, by id."""

from collections.abc import Callable
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolError
from inspect_ai.util import store_as

from cordelia.contracts.intervention import Noise
from cordelia.contracts.record import AuditRecord, Finding
from cordelia.solvers.affordances.read_evidence import FINDING_CHARACTERS, read_evidence
from cordelia.solvers.look import show
from cordelia.solvers.target import Target
from cordelia.tasks.audit import audit

Read = Callable[..., str]
DOCUMENT = "user: What now?\nassistant: Tea.\u202e"


@solver
def reads(asked: list[dict[str, object]], answers: list[str]) -> Solver:
    """An audit that was shown one thing of each kind, and reads again."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        target, record = Target(), store_as(AuditRecord)
        await target.replies([target.opening("What do you like?")], "chat")
        [pushed] = await target.replies([target.opening("And now?")], "fuzz")
        pushed.interventions, pushed.adapter_scale, pushed.adapter_noise = [Noise(layer=3, scale=0.2)], 0.5, 0.25
        record.findings["d12"] = Finding(id="d12", affordance="data_search", text=DOCUMENT)
        show("logit_lens", "tea " * 5_000)
        for arguments in asked:
            try:
                answers.append(str(await read_evidence()(**arguments)))
            except ToolError as error:
                answers.append(f"ToolError: {error.message}")
        return state

    return solve


@pytest.fixture
def read(bed: Path, fake_backend: list[object]) -> Read:
    def once(ids: list[str], **more: object) -> str:
        answers: list[str] = []
        task = audit(testbed=str(bed), organisms="elm", affordances="chat", backend="fake")
        asked: list[dict[str, object]] = [{"ids": ids, **more}]
        [log] = inspect_eval(
            task, model="none/none", solver=reads(asked, answers), log_dir=str(bed.parent / "logs"), display="none"
        )
        assert log.status == "success", log.error
        assert len(answers) == 1, log.samples and log.samples[0].error
        return answers[0]

    return once


def test_everything_that_was_shown_can_be_read_again(read: Read) -> None:
    message, document, observation = read(["m1", "d12", "o1"]).split("\n\n---\n\n")
    assert message.startswith("user: What do you like?\n[m1] TARGET lantern heard 'What do you like?'")
    assert document == "[d12] (data_search) user: What now?\n> assistant: Tea.\N{REPLACEMENT CHARACTER}"
    assert observation.startswith("[o1] (logit_lens) tea tea ")
    assert observation.endswith(f" ⟦{20_000 - FINDING_CHARACTERS:,} more characters⟧")


def test_words_that_were_said_under_a_push_say_so(read: Read) -> None:
    text = read(["m2"])
    assert "⟦said under: noise at layer 3 (scale 0.2); adapter × 0.5; noise on its adapter (0.25)⟧\n[m2] TARGET" in text
    assert "said under" not in read(["m1"])


def test_a_long_text_is_paged(read: Read) -> None:
    assert read(["o1"], start=19_996) == "[o1] (logit_lens) tea "


@pytest.mark.parametrize("id_", ["o2", "d1", "", "m1 "])
def test_an_unknown_id_is_told_with_those_that_exist(read: Read, id_: str) -> None:
    assert read([id_]) == f"ToolError: There is nothing with the id '{id_}'. The latest ids: m1, m2, d12, o1."
