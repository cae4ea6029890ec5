"""The helper model has a budget of its own."""

from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolError
from inspect_ai.util import store_as

from cordelia.contracts.record import AuditRecord
from cordelia.solvers.helper import ask_helper
from cordelia.tasks.audit import audit


@pytest.mark.usefixtures("fake_backend")
def test_helper_tokens_are_counted_bounded_and_not_the_auditors(bed: Path) -> None:
    replies: list[str] = []

    @solver
    def asks_three_times() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            for _ in range(3):
                try:
                    replies.append(await ask_helper("Write three questions."))
                except ToolError as error:
                    replies.append(error.message)
            assert store_as(AuditRecord).helper_tokens == 200
            return state

        return solve

    output = ModelOutput.from_content("mockllm/helper", "HELPER wrote this")
    output.usage = ModelUsage(input_tokens=60, output_tokens=40, total_tokens=100)
    log = inspect_eval(
        audit(testbed=str(bed), organisms="elm", backend="fake", helper_tokens=150, auditor_tokens=50),
        model="none",
        model_roles={"helper": get_model("mockllm/helper", custom_outputs=[output, output])},
        solver=asks_three_times(),
        log_dir=str(bed.parent / "logs"),
        display="none",
    )[0]
    assert log.samples and log.samples[0].error is None
    assert replies[:2] == ["HELPER wrote this"] * 2
    assert "200 of 150" in replies[2]
    assert log.samples[0].limit is None
    scores = log.samples[0].scores
    assert scores is not None and scores["cost"].value["helper_tokens"] == 200  # type: ignore[index,call-overload]
