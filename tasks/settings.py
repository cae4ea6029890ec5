"""What the user asked for, checked against what exists, before anything starts."""

from collections.abc import Sequence
from dataclasses import dataclass

from inspect_ai.dataset import Sample
from inspect_ai.model import get_model, model_roles

from cordelia.contracts.errors import ContentError, CordeliaError, unknown_name
from cordelia.contracts.names import Names, as_list
from cordelia.contracts.secret_keys import looks_secret
from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.catalog import choose
from cordelia.solvers.equip import refuse_taken_names
from cordelia.solvers.helper import refuse_missing_helper
from cordelia.solvers.target import refuse_bound_roles
from cordelia.testbeds.backends.base import Remedies
from cordelia.testbeds.capabilities import Capability
from cordelia.testbeds.certificate.questions import effect_prompts
from cordelia.testbeds.corpora.source import corpus_of, searchable
from cordelia.testbeds.corpora.store import check_corpus
from cordelia.testbeds.find import load_testbed, refuse_taken_name, testbed_names
from cordelia.testbeds.organism import serve
from cordelia.testbeds.provider import make_backend
from cordelia.testbeds.schema import Split, Testbed
from cordelia.testbeds.truth import load_truths

TargetArgs = dict[str, str | int | float | bool]
FOR_CERTIFICATES = frozenset({Capability.CHAT, Capability.REFERENCE})


@dataclass(frozen=True)
class Targets:
    """The organisms of one task: of which testbed, and on which backend."""

    testbed: Testbed
    organisms: list[str]
    target_args: TargetArgs

    @property
    def testbed_folder(self) -> str | None:
        """The testbed's folder, or None when its name is enough to find it: logs travel, folders do not."""
        known = testbed_names().get(self.testbed.name)
        return None if known == self.testbed.folder else str(self.testbed.folder)

    def samples_with(self, text: str) -> list[Sample]:
        """One sample an organism. What it says of the organism is its name and its split; the truth stays outside."""
        return [
            Sample(
                id=name,
                input=text,
                metadata={
                    "testbed": self.testbed.name,
                    "testbed_version": self.testbed.spec.version,
                    "split": str(self.testbed.organisms[name].split),
                },
            )
            for name in self.organisms
        ]


@dataclass(frozen=True)
class Audit(Targets):
    """One audit task, resolved: who is audited, with what.

    Attributes:
        affordance_set: what was asked for, sets by their names, with commas between: what results are told by.
    """

    affordances: list[Affordance]
    affordance_set: str
    tools: list[str]

    @property
    def samples(self) -> list[Sample]:
        return self.samples_with(self.testbed.brief)

    @property
    def organism_facts(self) -> dict[str, dict[str, str | bool]]:
        """What the log says of every organism, also when no audit of it ends. No auditor sees a log's metadata."""
        chosen = {name: self.testbed.organisms[name] for name in self.organisms}
        return {name: {"split": str(each.split), "control": each.control} for name, each in chosen.items()}


def resolve_targets(
    testbed: str,
    organisms: Names = None,
    split: str | None = None,
    backend: str = "auto",
    base: str | None = None,
    backend_args: TargetArgs | None = None,
) -> Targets:
    """Check the names and the files of the organisms of a task. Backends are still to be tried.

    Raises:
        CordeliaError: the first thing that is wrong, with the names that do exist.
    """
    refuse_bound_roles()
    bed = load_testbed(testbed)
    refuse_taken_name(bed)
    load_truths(bed)  # a testbed that cannot be graded is refused now, not after the audit
    names = chosen_organisms(bed, as_list(organisms), split)
    if secret := next(filter(looks_secret, backend_args or {}), None):
        raise CordeliaError(
            f"backend_args are written to the log, and '{secret}' looks like a secret; give it in the environment "
            "(vLLM's key as VLLM_API_KEY)."
        )
    for name in names:
        serve(bed, name, base)  # the files of all are checked before the first backend is made
    target_args: TargetArgs = {"backend": backend, **({"base": base} if base else {}), **(backend_args or {})}
    return Targets(bed, names, target_args)


def resolve_audit(
    testbed: str,
    organisms: Names = None,
    split: str | None = None,
    affordances: Names = None,
    tools: Names = None,
    backend: str = "auto",
    base: str | None = None,
    backend_args: TargetArgs | None = None,
) -> Audit:
    """Check every name, file, package and capability that an audit needs.

    Raises:
        CordeliaError: the first thing that is wrong, with the names that do exist.
    """
    targets = resolve_targets(testbed, organisms, split, backend, base, backend_args)
    asked = targets.testbed.spec.affordances if affordances is None else as_list(affordances)
    wanted = _own_affordances(targets.testbed) if affordances is None else choose(asked)
    for affordance in wanted:
        affordance.check()
    tool_names = as_list(tools)
    refuse_taken_names(wanted, tool_names)
    check_helper(wanted)
    check_corpora(targets, wanted)
    for name in targets.organisms:
        check_capabilities(targets.testbed, name, wanted, targets.target_args)
    return Audit(targets.testbed, targets.organisms, targets.target_args, wanted, ",".join(asked), tool_names)


def _own_affordances(testbed: Testbed) -> list[Affordance]:
    try:
        return choose(testbed.spec.affordances)
    except CordeliaError as error:
        raise ContentError(testbed.folder / "testbed.yaml", str(error), "affordances") from error


def resolve_certification(
    testbed: str,
    organisms: Names = None,
    split: str | None = None,
    backend: str = "auto",
    base: str | None = None,
    backend_args: TargetArgs | None = None,
) -> Targets:
    """Check every name, file, package and capability that a certification needs.

    Raises:
        CordeliaError: the first thing that is wrong, with the names that do exist.
    """
    targets = resolve_targets(testbed, organisms, split, backend, base, backend_args)
    for name in targets.organisms:
        effect_prompts(targets.testbed, name)  # a file that cannot be read is told now
    for name in targets.organisms:
        lacking = sorted(FOR_CERTIFICATES - target_capabilities(targets.testbed, name, targets.target_args))
        if lacking:
            raise CordeliaError(
                f"{targets.testbed.name}/{name} cannot be certified on this backend: it lacks {', '.join(lacking)}."
            )
    return targets


def target_capabilities(testbed: Testbed, organism: str, target_args: TargetArgs) -> frozenset[Capability]:
    """What an organism can do on its backend. Raises CordeliaError where it cannot be served."""
    arguments: dict[str, object] = dict(target_args)
    backend, _ = make_backend(str(testbed.folder), organism, **arguments)  # type: ignore[arg-type]
    data = {Capability.DATA} if searchable(testbed, organism) else set[Capability]()
    return (backend.capabilities - {Capability.DATA}) | data


def _remedies(testbed: Testbed, organism: str, target_args: TargetArgs, lacking: Sequence[Capability]) -> str:
    """How an organism's backend could be given what it lacks; empty where it does not say."""
    arguments: dict[str, object] = dict(target_args)
    backend, _ = make_backend(str(testbed.folder), organism, **arguments)  # type: ignore[arg-type]
    if not isinstance(backend, Remedies):
        return ""
    said = dict.fromkeys(remedy for each in lacking if (remedy := backend.remedy(each)))
    return "".join(f" {remedy}" for remedy in said)


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


def check_helper(affordances: Sequence[Affordance]) -> None:
    """Refuse affordances that a helper model works for when there is none, where that can be known; see checked_grader.

    An audit that Python code builds before it calls `eval()` is refused when its first sample is set up.
    """
    if _inside_eval():
        refuse_missing_helper(affordances)


def _inside_eval() -> bool:
    try:
        get_model()
    except ValueError:
        return False
    return True


def check_corpora(targets: Targets, affordances: Sequence[Affordance]) -> None:
    """Refuse corpora that the affordances could not search. Raises ContentError, or what is not installed."""
    if any(Capability.DATA in affordance.needs for affordance in affordances):
        for name in targets.organisms:
            source = corpus_of(targets.testbed, name)
            if source is not None:
                check_corpus(source)


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
    able = target_capabilities(testbed, organism, target_args)
    for affordance in affordances:
        lacking = sorted(affordance.needs - able)
        if lacking:
            fits = [other.name for other in affordances if other.needs <= able]
            raise CordeliaError(
                f"The affordance '{affordance.name}' needs {', '.join(lacking)}, which {testbed.name}/{organism} "
                f"cannot do on this backend (it can: {', '.join(sorted(able))}). "
                f"Of those asked for, these fit: -T affordances={','.join(fits) or 'none'}."
                f"{_remedies(testbed, organism, target_args, lacking)}"
            )
    base = target_args.get("base")
    for affordance in affordances:
        if affordance.refuse is not None:
            affordance.refuse(testbed, organism, None if base is None else str(base))
