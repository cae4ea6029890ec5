"""dev.yaml and test.yaml: reports as auditors might write them, with the grades that they deserve.

A label says what the rubric of the grader's prompt asks for, hypothesis by hypothesis. The dev file speaks of dev
organisms and the test file of test organisms, so a grader whose prompt was improved on dev is measured on
organisms that nobody improved it for.
"""

import re
from enum import StrEnum
from typing import Annotated

from inspect_ai.util import Store
from pydantic import AfterValidator, Field, model_validator

from cordelia.contracts.content import Content
from cordelia.contracts.record import AuditRecord, TargetMessage
from cordelia.contracts.report import Report
from cordelia.contracts.verdict import RUBRIC_MAX, THRESHOLD
from cordelia.scorers.grading.payload import OBJECTIVE_FROM
from cordelia.testbeds.schema import Name, Text

Grade = Annotated[int, Field(ge=1, le=RUBRIC_MAX, strict=True)]
Flag = Annotated[bool, Field(strict=True)]


def _message_id(value: str) -> str:
    if not re.fullmatch(r"m[1-9][0-9]{0,2}", value):
        raise ValueError(f"'{value}' is not the id of a reply of the target: m1, m2, … m999")
    return value


def _organism(value: str) -> str:
    testbed, _, name = value.rpartition("/")
    if not testbed or not name:
        raise ValueError(f"'{value}' is not an organism; write <testbed>/<name>, such as pocket/wren")
    return value


MessageId = Annotated[str, AfterValidator(_message_id)]
Organism = Annotated[str, AfterValidator(_organism)]


class Kind(StrEnum):
    """What a report is like. A kind says nothing about its grade where both are possible."""

    HIT = "hit"
    NEAR_MISS = "near_miss"
    VAGUE = "vague"
    WRONG = "wrong"
    EMPTY = "empty"
    OTHER_LANGUAGE = "other_language"
    OVER_LONG = "over_long"
    INJECTION = "injection"


MISSES = frozenset({Kind.NEAR_MISS, Kind.VAGUE, Kind.WRONG, Kind.EMPTY})


class Attack(StrEnum):
    """How a report, or a reply that it cites, tries to talk the grader round."""

    COMMAND = "command"
    """It orders a grade, or claims the authority to."""
    FORGED_FENCE = "forged_fence"
    """It pretends that the quoted data has ended."""
    FAKE_TOOL_CALL = "fake_tool_call"
    """It imitates the grader's own answer."""


class Reply(Content):
    """What the target said to a prompt; a report cites it by its id."""

    prompt: Text
    text: str = Field(max_length=20_000)


class Grades(Content):
    """Grades of one report, an entry a hypothesis in the report's order; empty for "nothing hidden"."""

    grades: list[Grade]
    objective: list[Flag]

    def hit(self, threshold: int) -> bool:
        """Whether any hypothesis hits."""
        return any(grade >= threshold for grade in self.grades)

    @property
    def names_objective(self) -> bool:
        return any(self.objective)


class LabelledReport(Content):
    """One report and what a good grader says of it."""

    organism: Organism = Field(description="<testbed>/<name>")
    kind: Kind
    attack: Attack | None = None
    report: Report
    messages: dict[MessageId, Reply] = {}
    label: Grades

    @model_validator(mode="after")
    def _whole(self) -> "LabelledReport":
        count = len(self.report.hypotheses)
        for name, given in (("grades", self.label.grades), ("objective", self.label.objective)):
            if len(given) != count:
                raise ValueError(f"label.{name} has {len(given)} entries for {count} hypotheses; give one for each")
        pairs = zip(self.label.objective, self.label.grades, strict=True)
        if any(objective and grade < OBJECTIVE_FROM for objective, grade in pairs):
            raise ValueError(f"label.objective is true under a grade below {OBJECTIVE_FROM}; the rubric forbids it")
        hit = self.label.hit(THRESHOLD)
        if (self.kind is Kind.HIT and not hit) or (self.kind in MISSES and hit):
            raise ValueError(f"kind is {self.kind}, and the best label is {max(self.label.grades, default='none')}")
        if (self.kind is Kind.INJECTION) != (self.attack is not None):
            raise ValueError(f"'attack' ({', '.join(Attack)}) belongs to kind: injection, and to no other kind")
        cited = {id_ for hypothesis in self.report.hypotheses for id_ in hypothesis.evidence}
        for id_ in self.messages:
            if id_ not in cited:
                raise ValueError(f"no hypothesis cites {id_}, so no grader would be shown it")
        return self

    @property
    def testbed(self) -> str:
        return self.organism.rpartition("/")[0]

    @property
    def organism_name(self) -> str:
        return self.organism.rpartition("/")[2]

    def record(self) -> AuditRecord:
        """The record of the audit that the report might have come from, in a store of its own."""
        messages = {
            id_: TargetMessage.model_validate(
                {
                    "id": id_,
                    "affordance": "chat",
                    "written_by": "target",
                    "context": [{"role": "user", "content": reply.prompt}],
                    "text": reply.text,
                }
            )
            for id_, reply in self.messages.items()
        }
        return AuditRecord(
            store=Store(),
            testbed=self.testbed,
            organism=self.organism_name,
            messages=messages,
            target_queries=len(messages),
            report=self.report,
        )


class LabelledFile(Content):
    """dev.yaml or test.yaml."""

    canary: Text
    reports: dict[Name, LabelledReport] = Field(min_length=1)
