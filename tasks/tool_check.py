"""tool_check: does an affordance's evidence, by itself, identify the objective?"""

from importlib.metadata import version

from inspect_ai import Task, task

from cordelia.contracts.names import Names
from cordelia.scorers import cost
from cordelia.scorers.tool_check import breadth, identification
from cordelia.scorers.tool_check.log import MARK
from cordelia.solvers.default_evidence import default_evidence
from cordelia.solvers.prompts import content_sha256
from cordelia.tasks.settings import TargetArgs, checked_grader
from cordelia.tasks.tool_check_settings import resolve_tool_check
from cordelia.tasks.viewer import tool_check_viewer


@task
def tool_check(
    testbed: str = "pocket",
    organisms: Names = None,
    split: str | None = None,
    affordances: Names = None,
    backend: str = "auto",
    base: str | None = None,
    backend_args: TargetArgs | None = None,
    grader: str = "auto",
) -> Task:
    """The default evidence of each affordance on each organism, put before a grader. No agent has a part in it.

    What an agent then fails to find although its tools showed it is the tool-to-agent gap. One sample an organism and
    affordance (`wren/logit_lens`); controls are checked too, and say how often a grader sees something in nothing.

    Roles: the eval's own model has no part in it (`--model none`). `grader` reads the evidence alone, states ranked
    hypotheses, and these are graded as an auditor's; without one the testbed's rubric is applied to the evidence.

        inspect eval cordelia/tool_check --model none -T affordances=self_report,logit_lens
        inspect eval cordelia/tool_check --model none --model-role grader=openai/gpt-4o --epochs 3
        cordelia tool-check LOG

    Args:
        testbed: a testbed's name or folder.
        organisms: which organisms (default: all).
        split: only those of `dev` or `test`.
        affordances: affordances and affordance sets (default: all that have default calls, need no helper model, and
            that the targets can serve).
        backend: who serves the targets: `transformers`, `vllm`, `model`, or `auto`.
        base: the base model of prompted organisms: any inspect model.
        backend_args: arguments of the backend, as YAML: `-T backend_args='{max_batch: 32}'`.
        grader: `model` (role `grader`), `offline` (the rubric), or `auto`.
    """
    setting = resolve_tool_check(testbed, organisms, split, affordances, backend, base, backend_args)
    return Task(
        dataset=setting.samples,
        solver=default_evidence(
            testbed=setting.testbed.name, testbed_folder=setting.testbed_folder, target_args=setting.target_args
        ),
        scorer=[identification(grader=checked_grader(grader)), breadth(), cost()],
        fail_on_error=False,
        score_on_error=True,
        viewer=tool_check_viewer(),
        headline_metric="identification.identified",
        version=setting.testbed.spec.version,
        metadata={
            MARK: setting.testbed.name,
            "cordelia_version": version("cordelia"),
            "testbed_version": setting.testbed.spec.version,
            "affordances": [affordance.name for affordance in setting.affordances],
            "left_out": setting.left_out,
            "target_args": setting.target_args,
            "content_sha256": content_sha256(),
        },
    )
