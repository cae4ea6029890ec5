"""What a tool check is asked for, checked against what exists: which affordance on which organism, and why not."""

from collections.abc import Mapping
from dataclasses import dataclass

from inspect_ai.dataset import Sample

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.names import Names, as_list
from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.catalog import AFFORDANCES, choose
from cordelia.solvers.default_evidence import default_calls
from cordelia.tasks.settings import TargetArgs, Targets, check_corpora, resolve_targets, target_capabilities
from cordelia.testbeds.capabilities import Capability
from cordelia.testbeds.schema import Testbed


@dataclass(frozen=True)
class ToolCheck(Targets):
    """A tool check, resolved.

    Attributes:
        affordances: those with at least one sample.
        left_out: `affordance`, or `organism/affordance`, with why it is not checked.
    """

    affordances: list[Affordance]
    left_out: dict[str, str]

    @property
    def samples(self) -> list[Sample]:
        """One sample an organism and affordance. The truth stays outside."""
        return [
            Sample(
                id=f"{name}/{affordance.name}",
                input=f"{affordance.name}: {affordance.summary} Its default calls, made on {name}.",
                metadata={
                    "testbed": self.testbed.name,
                    "testbed_version": self.testbed.spec.version,
                    "organism": name,
                    "affordance": affordance.name,
                    "split": str(self.testbed.organisms[name].split),
                },
            )
            for affordance in self.affordances
            for name in self.organisms
            if f"{name}/{affordance.name}" not in self.left_out
        ]


def resolve_tool_check(
    testbed: str,
    organisms: Names = None,
    split: str | None = None,
    affordances: Names = None,
    backend: str = "auto",
    base: str | None = None,
    backend_args: TargetArgs | None = None,
) -> ToolCheck:
    """Check every name, file, capability and default call that a tool check needs.

    Raises:
        CordeliaError: the first thing that is wrong; an affordance that was asked for by name and that no chosen
            organism can serve, or that has no default, is wrong, and one that was not asked for is left out.
    """
    targets = resolve_targets(testbed, organisms, split, backend, base, backend_args)
    wanted = choose(as_list(affordances)) if affordances is not None else list(AFFORDANCES.values())
    check_corpora(targets, wanted)
    able = {name: target_capabilities(targets.testbed, name, targets.target_args) for name in targets.organisms}
    chosen: list[Affordance] = []
    left_out: dict[str, str] = {}
    for affordance in wanted:
        problem = _problem(affordance, affordances is not None)
        lacking = {} if problem else _lacking(affordance, targets.testbed, able, base)
        if problem is None and len(lacking) == len(able):
            problem = next(iter(lacking.values()))
        if problem is not None:
            left_out[affordance.name] = problem
            continue
        chosen.append(affordance)
        left_out |= {f"{name}/{affordance.name}": why for name, why in lacking.items()}
    named = as_list(affordances) if affordances is not None else []
    for name in named:
        if name in left_out:
            raise CordeliaError(f"The affordance '{name}' cannot be checked: {left_out[name]}")
    if not chosen:
        reasons = " ".join(f"{name}: {why}" for name, why in left_out.items())
        raise CordeliaError(f"No affordance is left to check. {reasons}")
    return ToolCheck(targets.testbed, targets.organisms, targets.target_args, chosen, left_out)


def _problem(affordance: Affordance, asked_for: bool) -> str | None:
    """Why an affordance cannot be checked on any target; None where it can."""
    try:
        affordance.check()
        default_calls(affordance)
    except CordeliaError as error:
        return str(error)
    if affordance.helper and not asked_for:
        return "A helper model works for it; name it, and bind the role 'helper', to check it."
    return None


def _lacking(
    affordance: Affordance, testbed: Testbed, able: Mapping[str, frozenset[Capability]], base: str | None
) -> dict[str, str]:
    """The organisms that cannot serve an affordance, and what they lack."""
    lacking = {}
    for name, can in able.items():
        if not affordance.needs <= can:
            lacking[name] = f"{name} lacks {', '.join(sorted(affordance.needs - can))} on this backend."
        elif affordance.refuse is not None:
            try:
                affordance.refuse(testbed, name, base)
            except CordeliaError as error:
                lacking[name] = str(error)
    return lacking
