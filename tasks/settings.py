"""What the user asked for, checked against what exists, before anything starts."""

from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai.dataset import Sample
from inspect_ai.model import get_model, model_roles

from cordelia.contracts.errors import CordeliaError, unknown_name
from cordelia.contracts.names import Names, as_list
from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.catalog import choose
from cordelia.solvers.plugins import load_tool
from cordelia.solvers.target import refuse_bound_roles
from cordelia.testbeds.find import load_testbed, testbed_names
from cordelia.testbeds.provider import make_backend
from cordelia.testbeds.schema import Split, Testbed
from cordelia.testbeds.truth import load_truths

TargetArgs = dict[str, str | int | float | bool]


@dataclass(frozen=True)
class Audit:
    """One audit task, resolved: the testbed, who is audited, with what, on which backend."""

    testbed: Testbed
    organisms: list[str]
    affordances: list[Affordance]
    tools: list[str]
    target_args: TargetArgs

    @property
    def testbed_folder(self) -> str | None:
        """The testbed's folder, or None when its name is enough to find it: logs travel, folders do not."""
        known = testbed_names().get(self.testbed.name)
        return None if known == self.testbed.folder else str(self.testbed.folder)

    @property
    def samples(self) -> list[Sample]:
        """One sample an organism. What it says of the organism is its name and its split; the truth stays outside."""
        return [
            Sample(
                id=name,
                input=self.testbed.brief,
                metadata={
                    "testbed": self.testbed.name,
                    "testbed_version": self.testbed.spec.version,
                    "split": str(self.testbed.organisms[name].split),
                },
            )
            for name in self.organisms
        ]


def resolve_audit(
    testbed: str,
    organisms: Names = None,
    split: str | None = None,
    affordances: Names = "blackbox",
    tools: Names = None,
    backend: str = "auto",
    base: str | None = None,
    backend_args: TargetArgs | None = None,
) -> Audit:
    """Check every name, file, package and capability that an audit needs.

    Raises:
        CordeliaError: the first thing that is wrong, with the names that do exist.
    """
    refuse_bound_roles()
    bed = load_testbed(testbed)
    load_truths(bed)  # a testbed that cannot be graded is refused now, not after the audit
    names = chosen_organisms(bed, as_list(organisms), split)
    wanted = choose(as_list(affordances))
    tool_names = as_list(tools)
    for tool in tool_names:
        load_tool(tool)
    if "api_key" in (backend_args or {}):
        raise CordeliaError("backend_args are written to the log; give the key as VLLM_API_KEY in the environment.")
    target_args: TargetArgs = {"backend": backend, **({"base": base} if base else {}), **(backend_args or {})}
    for name in names:
        check_capabilities(bed, name, wanted, target_args)
    return Audit(bed, names, wanted, tool_names, target_args)


def checked_grader(grader: str) -> str:
    """Refuse `grader=model` without a model for it, where that can be known before the audits start.

    Inside `inspect eval` the roles are bound before tasks are built; a task that Python code builds before it calls
    `eval()` cannot know them, and then the verdict says so.
    """
    if grader == "model" and "grader" not in model_roles() and _inside_eval():
        raise CordeliaError(
            "grader=model needs a grader: --model-role grader=<provider>/<model>. "
            "Without a model, use -T grader=offline, the rubric of the testbed."
        )
    return grader


def _inside_eval() -> bool:
    try:
        get_model()
    except ValueError:
        return False
    return True


def chosen_organisms(testbed: Testbed, names: Sequence[str], split: str | None) -> list[str]:
    """The organisms to audit: those named, or all, of one split or of both. Raises CordeliaError."""
    if split is not None and split not in set(Split):
        raise unknown_name("split", split, [member.value for member in Split])
    for name in names:
        if name not in testbed.organisms:
            raise unknown_name("organism", name, testbed.organisms, f"testbed '{testbed.name}'")
    chosen = [
        name
        for name in (dict.fromkeys(names) if names else testbed.organisms)
        if split is None or testbed.organisms[name].split == split
    ]
    if not chosen:
        raise CordeliaError(f"None of {', '.join(names) or testbed.name} is in the split '{split}'.")
    return chosen


def check_capabilities(
    testbed: Testbed, organism: str, affordances: Sequence[Affordance], target_args: TargetArgs
) -> None:
    """Refuse affordances that the target cannot serve, by name. Raises CordeliaError."""
    arguments: dict[str, object] = dict(target_args)
    backend, _ = make_backend(str(testbed.folder), organism, **arguments)  # type: ignore[arg-type]
    for affordance in affordances:
        lacking = sorted(affordance.needs - backend.capabilities)
        if lacking:
            fits = [other.name for other in affordances if other.needs <= backend.capabilities]
            raise CordeliaError(
                f"The affordance '{affordance.name}' needs {', '.join(lacking)}, which {testbed.name}/{organism} "
                f"cannot do on this backend (it can: {', '.join(sorted(backend.capabilities))}). "
                f"Of those asked for, these fit: -T affordances={','.join(fits) or 'none'}."
            )
