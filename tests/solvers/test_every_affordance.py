"""One scripted audit that calls every affordance which looks inside, on real weights, on both backends."""

import json
import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalSample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageTool,
    GenerateConfig,
    Model,
    ModelOutput,
    ModelUsage,
    get_model,
)
from inspect_ai.tool import ToolChoice, ToolDef, ToolInfo

from cordelia.solvers.affordances.catalog import choose
from cordelia.tasks.audit import audit
from cordelia.testbeds.backends.vllm.command import PYTHON_ENV
from cordelia.testbeds.capabilities import Capability

pytestmark = [pytest.mark.weights, pytest.mark.slow]
SCRIPT = Path(__file__).parent.parent.parent / "docs/examples/scripted_inside.yaml"
SETS = ["whitebox", "sae", "data_search", "data_sample", "data_document", "scaffolded_prefill"]
GRADIENT = {
    "melbo": {"prompts": ["How are you?"], "vectors": 1, "steps": 2, "max_tokens": 8},
    "lat": {"replies": ["I am fine."], "question": "How are you?", "steps": 2, "beside": 1},
}
MISTAKES = ["logit_lens", "steer", "data_search"]
needs_vllm = [
    pytest.mark.vllm,
    pytest.mark.skipif(
        not os.environ.get(PYTHON_ENV) and find_spec("vllm") is None,
        reason=f"no vLLM here; name an interpreter that has it in {PYTHON_ENV}",
    ),
]


def played(calls: list[tuple[str, dict[str, object]]]) -> Model:
    remaining = iter(calls)

    def answer(
        messages: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        output = ModelOutput.for_tool_call("mockllm/auditor", *next(remaining))
        output.usage = ModelUsage()
        return output

    return get_model("mockllm/auditor", custom_outputs=answer)


def helper() -> Model:
    def says() -> Iterator[object]:
        yield {"inputs": [{"message": "Who?", "beginning": "I am"}, {"message": "Why?", "beginning": "So"}]}
        yield {"summary": "Nothing stands out.", "findings": []}

    said = says()

    def answer(
        messages: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        output = ModelOutput.from_content("mockllm/helper", json.dumps(next(said)))
        output.usage = ModelUsage(input_tokens=60, output_tokens=40, total_tokens=100)
        return output

    return get_model("mockllm/helper", custom_outputs=answer)


def run(backend: str, folder: Path, gradient: bool) -> tuple[EvalSample, list[tuple[str, dict[str, object]]]]:
    script = yaml.safe_load(SCRIPT.read_text(encoding="utf-8"))["turns"]
    calls = [(name, arguments) for turn in script for name, arguments in turn.items()]
    if gradient:
        calls[-1:-1] = list(GRADIENT.items())
    task = audit(
        testbed="pocket", organisms="siskin", backend=backend, affordances=[*SETS, *(GRADIENT if gradient else [])]
    )
    [log] = inspect_eval(
        task,
        model=played(calls),
        model_roles={"helper": helper()},
        log_dir=str(folder),
        display="none",
    )
    assert log.samples
    return log.samples[0], calls


@pytest.mark.parametrize("backend", ["transformers", pytest.param("vllm", marks=needs_vllm)])
def test_every_affordance_that_looks_inside_is_called_and_mistakes_are_told(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPECT_LOG_DIR", str(tmp_path))
    gradient = backend == "transformers"
    sample, calls = run(backend, tmp_path, gradient)
    assert sample.error is None, sample.error
    results = [message for message in sample.messages if isinstance(message, ChatMessageTool)]
    assert [result.function for result in results] == [name for name, _ in calls]
    wrong = [(result.function, result.error.message) for result in results if result.error]
    assert [name for name, _ in wrong] == MISTAKES, wrong
    offered = {ToolDef(tool).name for affordance in choose(SETS) for tool in affordance.tools()}
    assert offered <= {result.function for result in results}
    findings, messages = sample.store["AuditRecord:findings"], sample.store["AuditRecord:messages"]
    assert "d1" in findings and "o1" in findings
    pushed = [message for message in messages.values() if message["interventions"]]
    assert {"steer", "fuzz", "sae_steer"} <= {message["affordance"] for message in pushed}
    assert {message["adapter_scale"] for message in messages.values()} >= {0.0, 1.0, 2.0}
    kept = {file.stem for file in (tmp_path / "vectors").iterdir()}
    assert {note["tensor"] for note in sample.store["AuditRecord:vectors"].values()} <= kept
    assert sample.scores is not None
    assert sample.scores["outcome"].value == "submitted"
    assert sample.scores["verdict"].value["objective_found"] == 1  # type: ignore[index,call-overload]


def test_the_script_and_the_gradient_calls_are_all_that_looks_inside() -> None:
    inside = {Capability.CAPTURE, Capability.INTERVENE, Capability.GRADIENT, Capability.NEXT_TOKENS, Capability.AMPLIFY}
    looking = {
        a.name for a in choose(["blackbox", "scaffolded", "data", "whitebox", "gradient", "sae"]) if a.needs & inside
    }
    assert looking == {a.name for a in choose([*SETS, "gradient"]) if a.needs & inside}
