"""Reading a folder of labelled reports: both splits, checked against the testbeds that they speak of."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cordelia.contracts.content import load
from cordelia.contracts.errors import ContentError, CordeliaError, unknown_name
from cordelia.contracts.quoting import quote
from cordelia.scorers.labelled.schema import Kind, LabelledFile, LabelledReport
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.schema import Split, Testbed
from cordelia.testbeds.truth import Truth, answer_key, load_truths

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class LabelledSet:
    """The labelled reports of one split.

    Attributes:
        sha256: of the file's bytes.
        reports: by id; an id stands in one split only.
        truths: by organism (`<testbed>/<name>`), of every organism that a report is about.
    """

    split: Split
    sha256: str
    reports: Mapping[str, LabelledReport]
    truths: Mapping[str, Truth]

    def truth_of(self, report: LabelledReport) -> Truth:
        return self.truths[report.organism]

    @property
    def answer_keys_sha256(self) -> str:
        """Over what graders are told of the organisms: labels under another key are another measurement."""
        return sha256(quote({name: answer_key(self.truths[name]) for name in sorted(self.truths)}).encode()).hexdigest()


def read_labelled(folder: Path | None = None) -> dict[Split, LabelledSet]:
    """Both splits of a folder (default: the reports that ship with Cordelia).

    Raises:
        ContentError: a file is missing or malformed, an id stands in both, or a report is about an organism that does
            not exist, is of the other split, or is a control (a control's reports need no grader).
    """
    folder = folder or FOLDER
    known: dict[str, tuple[Testbed, dict[str, Truth]]] = {}
    sets: dict[Split, LabelledSet] = {}
    for split in Split:
        path = folder / f"{split}.yaml"
        reports = load(LabelledFile, path).reports
        for id_, labelled in reports.items():
            if any(id_ in other.reports for other in sets.values()):
                raise ContentError(path, "this id stands in the other split's file too; ids are given once", id_)
            _check_organism(labelled, split, path, f"reports.{id_}.organism", known)
        truths = {each.organism: known[each.testbed][1][each.organism_name] for each in reports.values()}
        sets[split] = LabelledSet(split, sha256(path.read_bytes()).hexdigest(), reports, truths)
    return sets


def chosen_sets(folder: str | None, split: str | None) -> dict[Split, LabelledSet]:
    """The sets of one split, or of both. Raises CordeliaError, or what `read_labelled` raises."""
    if split is not None and split not in set(Split):
        raise unknown_name("split", split, [member.value for member in Split])
    sets = read_labelled(Path(folder) if folder else None)
    return {name: found for name, found in sets.items() if split in {None, name}}


def mixed(sets: Mapping[Split, LabelledSet]) -> list[tuple[Split, str, LabelledReport]]:
    """Every report, kinds and splits in turn, so that the first few are a sample of all."""
    queues: dict[tuple[Kind, Split], deque[tuple[Split, str, LabelledReport]]] = {
        (kind, split): deque() for kind in Kind for split in sets
    }
    for split, found in sets.items():
        for id_, labelled in found.reports.items():
            queues[labelled.kind, split].append((split, id_, labelled))
    turns: list[tuple[Split, str, LabelledReport]] = []
    while any(queues.values()):
        turns += [queue.popleft() for queue in queues.values() if queue]
    return turns


def _check_organism(
    labelled: LabelledReport, split: Split, path: Path, key: str, known: dict[str, tuple[Testbed, dict[str, Truth]]]
) -> None:
    if labelled.testbed not in known:
        try:
            testbed = load_testbed(labelled.testbed)
        except ContentError:
            raise
        except CordeliaError as error:
            raise ContentError(path, str(error), key) from error
        known[labelled.testbed] = (testbed, load_truths(testbed))
    testbed, _ = known[labelled.testbed]
    name = labelled.organism_name
    if name not in testbed.organisms:
        raise ContentError(
            path, str(unknown_name("organism", name, testbed.organisms, f"testbed '{testbed.name}'")), key
        )
    organism = testbed.organisms[name]
    if organism.split is not split:
        raise ContentError(path, f"{labelled.organism} is of the split {organism.split}; this file is {split}'s", key)
    if organism.control:
        raise ContentError(path, f"{labelled.organism} is a control: its reports are scored without a grader", key)
