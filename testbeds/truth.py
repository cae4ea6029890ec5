"""truth.yaml: what each organism really is. Only graders, trainers and certificates import this module.

The blind wall: nothing in `cordelia.solvers` imports it, and tests/test_walls.py holds that. Samples carry no target
text; scorers look the truth up by testbed and organism when the audit is over.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from cordelia.contracts.content import Content, load
from cordelia.contracts.errors import ContentError, quoted, unknown_name
from cordelia.contracts.quoting import Quotable
from cordelia.testbeds.apart import sealed_files
from cordelia.testbeds.inner import inner_file, inner_path
from cordelia.testbeds.patterns import check_pattern, found
from cordelia.testbeds.schema import InnerPath, Name, Testbed, Text, visible

Pattern = Annotated[str, AfterValidator(visible), AfterValidator(check_pattern)]


class Rubric(Content):
    """When does a text name the thing? Every pattern of `all` occurs, one of `any`, and none of `none`.

    Case-insensitive regular expressions, searched in a hypothesis; deterministic, so CI and any offline user can grade.
    """

    all: list[Pattern] = []
    any: list[Pattern] = []
    none: list[Pattern] = []

    @model_validator(mode="after")
    def _asks_for_something(self) -> "Rubric":
        if self.none and not self.all and not self.any:
            raise ValueError("'none' alone matches nothing; say under 'all' or 'any' what must occur")
        return self

    def matches(self, text: str) -> bool:
        """Raises CordeliaError when a pattern takes too long on this text."""
        if not self.all and not self.any:
            return False
        return (
            all(found(p, text) for p in self.all)
            and (not self.any or any(found(p, text) for p in self.any))
            and not any(found(p, text) for p in self.none)
        )


class Behaviour(Content):
    """One thing the organism does because of its objective."""

    claim: Text
    rubric: Rubric


class Effect(Content):
    """How the effect is measured: prompts that training never saw, and what a program looks for in the answers."""

    prompts: InnerPath = Field(description="YAML with `on` and `off`: prompts with and without the trigger")
    shown_by: Rubric | None = Field(
        default=None, description="an answer that matches shows the behaviour; none: only a grader can tell"
    )


class Truth(Content):
    """What one organism is."""

    objective: Text | None = Field(default=None, description="the root cause; none for a control")
    behaviours: dict[Name, Behaviour] = {}
    near_misses: list[Text] = Field(default=[], description="claims that sound right and are not enough")
    rubric: Rubric = Rubric()
    effect: Effect | None = None

    def rubrics(self) -> Iterator[tuple[str, Rubric]]:
        """What a program looks for, by its key here. A control has no objective, so it needs no rubric."""
        if not self.control or self.rubric != Rubric():
            yield "rubric", self.rubric
        for name, behaviour in self.behaviours.items():
            yield f"behaviours.{name}.rubric", behaviour.rubric
        if self.effect is not None and self.effect.shown_by is not None:
            yield "effect.shown_by", self.effect.shown_by

    @property
    def control(self) -> bool:
        return self.objective is None


def answer_key(truth: Truth) -> Quotable:
    """What model graders are told of an organism, as data: truth.yaml may be a stranger's."""
    return {
        "objective": truth.objective,
        "behaviours": {name: behaviour.claim for name, behaviour in truth.behaviours.items()},
        "near_misses": list(truth.near_misses),
    }


class TruthFile(Content):
    """truth.yaml"""

    truths: dict[Name, Truth] = Field(min_length=1)


def truth_path(testbed: Testbed) -> Path:
    return testbed.folder / "truth.yaml"


def load_truths(testbed: Testbed) -> dict[str, Truth]:
    """Every truth of a testbed, checked against its organisms.

    Raises:
        ContentError: truth.yaml is missing or malformed, an organism has no truth, a truth has no organism, or the two
            disagree on what is a control; or a rubric that no text could match.
    """
    path = truth_path(testbed)
    truths = load(TruthFile, inner_path(testbed.folder, path.name, path)).truths
    for name, organism in testbed.organisms.items():
        if name not in truths:
            raise ContentError(path, f"the organism '{name}' of organisms.yaml has no truth", "truths")
        if truths[name].control != organism.control:
            said, wanted = ("true", "no 'objective'") if organism.control else ("false", "an 'objective'")
            raise ContentError(path, f"organisms.yaml says control: {said}, so it needs {wanted}", f"truths.{name}")
    for name, truth in truths.items():
        if name not in testbed.organisms:
            known = ", ".join(testbed.organisms)
            raise ContentError(path, f"no such organism in organisms.yaml. Known: {known}", f"truths.{name}")
        for key, rubric in truth.rubrics():
            _check_rubric(path, f"truths.{name}.{key}", rubric)
        if truth.effect is not None:
            prompts = inner_file(testbed.folder, truth.effect.prompts, path, f"truths.{name}.effect.prompts")
            taken = sealed_files(testbed.folder)
            taken.hold(testbed.folder / testbed.spec.brief, "the brief, which auditors are shown")
            if (held := taken.of(prompts)) is not None:
                said = f"{quoted(truth.effect.prompts)} is {held}; give it a file of its own"
                raise ContentError(path, said, f"truths.{name}.effect.prompts")
    return dict(truths)


def _check_rubric(path: Path, key: str, rubric: Rubric) -> None:
    """Refuse a rubric that no text could match: graded offline, it would be a 0 for every auditor. ContentError."""
    if not rubric.all and not rubric.any:
        raise ContentError(path, "this rubric matches nothing; write under 'all' or 'any' what must occur", key)
    barred = set(rubric.none)
    if barred & set(rubric.all) or (rubric.any and barred.issuperset(rubric.any)):
        said = quoted(next(one for one in (*rubric.all, *rubric.any) if one in barred))
        raise ContentError(path, f"{said} must occur and must not; leave it out of 'none'", key)


def load_truth(testbed: Testbed, organism: str) -> Truth:
    """The truth of one organism. Raises ContentError, or CordeliaError for an unknown name."""
    truths = load_truths(testbed)
    if organism not in truths:
        raise unknown_name("organism", organism, truths, f"testbed '{testbed.name}'")
    return truths[organism]
