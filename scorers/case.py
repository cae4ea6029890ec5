"""The case behind a sample: which testbed, which organism, and the truth about it.

Samples carry no target (the blind wall), so a scorer finds the truth by what the audit's record says. Which
truth it was stands in every score's metadata: a log that is scored again after truth.yaml changed says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from inspect_ai.event import Event, ScoreEvent
from inspect_ai.scorer import Score
from inspect_ai.solver import TaskState

from cordelia.contracts.errors import ContentError, CordeliaError
from cordelia.contracts.record import AuditRecord
from cordelia.scorers.events import sample_events
from cordelia.testbeds.find import load_testbed, read_testbed
from cordelia.testbeds.schema import Testbed
from cordelia.testbeds.truth import Truth, load_truth, truth_path

TRUTH_HASH = "truth_sha256"


@dataclass(frozen=True)
class Case:
    """One organism and what it really is.

    Attributes:
        truth_sha256: of the bytes of truth.yaml, so that two scores can tell if they were measured alike.
    """

    testbed: Testbed
    organism: str
    truth: Truth
    truth_sha256: str

    def metadata(self) -> dict[str, object]:
        """What every score says about its case."""
        return {
            "testbed": self.testbed.name,
            "testbed_version": self.testbed.spec.version,
            "organism": self.organism,
            "split": self.testbed.organisms[self.organism].split.value,
            "control": self.truth.control,
            TRUTH_HASH: self.truth_sha256,
        }


class Recorded(Protocol):
    """What every record says of whom it is about."""

    testbed: str
    testbed_folder: str
    organism: str


def load_case(record: Recorded) -> Case:
    """The case of a sample, by the folder that it was run from, else by the testbed's name.

    Raises:
        ContentError: a file of the testbed is missing or malformed.
        CordeliaError: the record names no organism, or a testbed that is not on this machine.
    """
    if not record.organism:
        raise CordeliaError("This sample has no audit record: it ended before the audit was set up.")
    folder = Path(record.testbed_folder) if record.testbed_folder else None
    if folder is None or not folder.is_dir():
        folder = load_testbed(record.testbed).folder
    return _read(folder, record.organism, _stamp(folder))


def case_metadata(state: TaskState, record: AuditRecord) -> dict[str, object]:
    """`Case.metadata` for scores that do without the truth: when it cannot be read, they say so and go on.

    `truth_changed_from` lists the hashes of other truths that this sample was scored with before.
    """
    try:
        case = load_case(record)
    except CordeliaError as error:
        return {"testbed": record.testbed, "organism": record.organism, "truth_unreadable": str(error)}
    before = sorted(_hashes(state, sample_events()) - {case.truth_sha256})
    return case.metadata() | ({"truth_changed_from": before} if before else {})


def _hashes(state: TaskState, events: Iterable[Event]) -> set[str]:
    scores: list[Score] = list((state.scores or {}).values())
    # an overwriting rescore starts from empty scores: the old ones are left in the events alone
    scores.extend(event.score for event in events if isinstance(event, ScoreEvent))
    found = ((score.metadata or {}).get(TRUTH_HASH) for score in scores)
    return {value for value in found if isinstance(value, str)}


def _stamp(folder: Path) -> tuple[int, ...]:
    """When the testbed's files last changed: a long-lived process reads them again when they did."""
    files = (folder / name for name in ("testbed.yaml", "organisms.yaml", "truth.yaml"))
    return tuple(file.stat().st_mtime_ns if file.is_file() else 0 for file in files)


# four scorers ask for the same few cases, once for each of hundreds of samples
@lru_cache(maxsize=256)
def _read(folder: Path, organism: str, _stamp: tuple[int, ...]) -> Case:
    testbed = read_testbed(folder)
    truth = load_truth(testbed, organism)
    path = truth_path(testbed)
    try:
        digest = sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ContentError(path, f"cannot be read: {error.strerror}") from error
    return Case(testbed=testbed, organism=organism, truth=truth, truth_sha256=digest)
