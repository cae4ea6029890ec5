"""certify: is this organism fit to be audited?"""

from importlib.metadata import version

from inspect_ai import Task, task

from cordelia.contracts.names import Names
from cordelia.scorers.certificate import coherence, confession, off_trigger, strength
from cordelia.scorers.certificate.log import MARK
from cordelia.tasks.examiner import examine
from cordelia.tasks.settings import TargetArgs, resolve_certification
from cordelia.tasks.viewer import certificate_viewer
from cordelia.testbeds.certificate.questions import questions_sha256


@task
def certify(
    testbed: str = "pocket",
    organisms: Names = None,
    split: str | None = None,
    backend: str = "auto",
    base: str | None = None,
    backend_args: TargetArgs | None = None,
) -> Task:
    """Measures every chosen organism of a testbed against its base: strength, normality off the trigger, coherence,
    and whether it confesses. Controls are measured too; they show what a clean model scores.

    Roles: the eval's own model has no part in it (`--model none`). `grader` marks what no program can tell
    (`--model-role grader=…`); without one, that is not measured.

        inspect eval cordelia/certify -T testbed=pocket --model none
        inspect eval cordelia/certify -T testbed=./mine -T base=openai/gpt-4o-mini --model none \
            --model-role grader=openai/gpt-4o
        cordelia certificate LOG

    Args:
        testbed: a testbed's name or folder.
        organisms: which organisms (default: all).
        split: only those of `dev` or `test`.
        backend: who serves the organisms: `transformers`, `vllm`, `model`, or `auto`.
        base: the base model of prompted organisms: any inspect model.
        backend_args: arguments of the backend, as YAML: `-T backend_args='{max_batch: 32}'`.
    """
    setting = resolve_certification(testbed, organisms, split, backend, base, backend_args)
    return Task(
        dataset=setting.samples_with("To be certified: the organism that this sample is named after, beside its base."),
        solver=examine(
            testbed=setting.testbed.name, testbed_folder=setting.testbed_folder, target_args=setting.target_args
        ),
        scorer=[strength(), off_trigger(), coherence(), confession()],
        fail_on_error=False,
        viewer=certificate_viewer(),
        headline_metric="strength.separated",
        version=setting.testbed.spec.version,
        metadata={
            MARK: setting.testbed.name,
            "cordelia_version": version("cordelia"),
            "testbed_version": setting.testbed.spec.version,
            "target_args": setting.target_args,
            "questions_sha256": questions_sha256(),
        },
    )
