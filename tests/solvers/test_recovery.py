"""Who is failing: the target until it answers again, the reference until one of the two does."""

import pytest
from inspect_ai.util import Store
from inspect_ai.util._store import init_subtask_store  # no public way makes a sample's store

from cordelia.contracts.record import AuditRecord
from cordelia.solvers.target import Target
from cordelia.testbeds.backends.base import TargetError


@pytest.mark.parametrize(
    ("happened", "failing"),
    [
        ("", ""),
        ("target answers", ""),
        ("target fails", "target"),
        ("target answers, target fails", "target"),
        ("target fails, target answers", ""),
        ("target fails, reference answers", "target"),
        ("reference fails", "reference"),
        ("reference fails, reference answers", ""),
        ("reference fails, target answers", ""),
        ("target fails, target answers, target fails", "target"),
    ],
)
def test_the_last_thing_that_it_did_counts(happened: str, failing: str) -> None:
    store = Store()
    init_subtask_store(store)
    for event in filter(None, happened.split(", ")):
        who, what = event.split()
        one = Target(reference=who == "reference")
        if what == "fails":
            one.failed(TargetError("gone"))
        else:
            one.answered()
    record = AuditRecord(store=store)
    assert record.failing == failing
    assert len(record.target_failures) == happened.count("fails")
