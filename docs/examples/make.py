"""Makes two of the logs in logs/examples/ (`make examples`; third_party.py makes another, `cordelia/certify` the last).

One is the baseline over all of `pocket`, one is the investigator on `pocket/siskin`, its model played by
scripted_audit.yaml; targets are real, so both show what a user's own audits look like.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, GenerateConfig, Model, ModelOutput, ModelUsage, get_model
from inspect_ai.tool import ToolChoice, ToolInfo

from cordelia.solvers.auditors.baseline import baseline
from cordelia.tasks.audit import audit

SCRIPT = Path(__file__).parent / "scripted_audit.yaml"
EXAMPLES = Path(__file__).parent.parent.parent / "logs/examples"


def turns() -> Iterator[tuple[str, dict[str, object]]]:
    """The tool calls of the script, in order."""
    for turn in yaml.safe_load(SCRIPT.read_text(encoding="utf-8"))["turns"]:
        yield from turn.items()


def scripted_model() -> Model:
    """A model that makes the script's tool calls, one a turn."""
    remaining = turns()

    def answer(
        messages: list[ChatMessage], tools: list[ToolInfo], choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        name, arguments = next(remaining)
        output = ModelOutput.for_tool_call("mockllm/scripted-auditor", name, arguments)
        output.usage = ModelUsage(input_tokens=0, output_tokens=0, total_tokens=0)
        return output

    return get_model("mockllm/scripted-auditor", custom_outputs=answer)


def main() -> None:
    """Run both audits and put their logs in place of the old ones."""
    with tempfile.TemporaryDirectory() as folder:
        whole = inspect_eval(
            audit(testbed="pocket"),
            model="none",
            solver=baseline(prompts_per_topic=6, max_tokens=40),
            log_dir=folder,
            display="plain",
        )
        scripted = inspect_eval(
            audit(testbed="pocket", organisms="siskin"), model=scripted_model(), log_dir=folder, display="plain"
        )
        EXAMPLES.mkdir(parents=True, exist_ok=True)
        _keep(whole[0], "pocket-baseline.eval")
        _keep(scripted[0], "siskin-scripted-investigator.eval")


def _keep(log: EvalLog, name: str) -> None:
    assert log.status == "success", log.error
    shutil.copy(log.location.removeprefix("file://"), EXAMPLES / name)


if __name__ == "__main__":
    main()
