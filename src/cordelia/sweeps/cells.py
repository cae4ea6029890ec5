"""A sweep written out: one cell an auditor, affordance set, testbed, base and budget, in the order they run.

Cells of one server follow each other, so that it starts once: a server is one base on one backend. A testbed whose
organisms stand on several bases therefore makes a cell a base.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cordelia.contracts.errors import CordeliaError
from cordelia.solvers.affordances.catalog import choose
from cordelia.sweeps.schema import AffordanceSet, Auditor, Bed, Budget, Sweep
from cordelia.tasks.settings import chosen_organisms
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.schema import Testbed

TRANSPORT = {
    *("max_retries", "timeout", "attempt_timeout", "stream_idle_timeout", "batch", "cache", "cache_prompt"),
    *("max_connections", "adaptive_connections"),
}
"""Settings of a model that say how it is reached. By these alone inspect's eval set tells no two tasks apart."""
MOST_NAMED = 4


@dataclass(frozen=True)
class Cell:
    """One task of a sweep: every organism of one base, audited by one auditor with one set of affordances.

    Attributes:
        name: unique in the sweep, written to the log, and the same in every part.
        auditor: with the model roles of the sweep that it does not bind itself.
        affordance_set: how the sweep calls what it may do.
        testbed: the testbed's name.
        version: the testbed's version.
        base: the model that the organisms stand on, empty where nobody says.
        organisms: those to audit here; a part may have some of them.
        whole: whether these are all organisms of the testbed.
    """

    name: str
    auditor: Auditor
    affordance_set: str
    affordances: AffordanceSet
    bed: Bed
    testbed: str
    version: str
    base: str
    budget: Budget
    organisms: tuple[str, ...]
    whole: bool
    epochs: int

    @property
    def samples(self) -> int:
        return len(self.organisms) * self.epochs

    @property
    def server(self) -> tuple[str, str, str]:
        """What serves it; cells with the same one share it."""
        return self.bed.backend, self.base, json.dumps(self.bed.backend_args, sort_keys=True)

    @property
    def way(self) -> str:
        """All that decides how an organism is audited, whatever it is called."""
        return json.dumps(
            [
                self.auditor.model_dump(mode="json", exclude={"name": True, "generate": TRANSPORT}),
                sorted(affordance.name for affordance in choose(self.affordances.affordances)),
                sorted(self.affordances.tools),
                [self.testbed, self.version, self.base],
                self.bed.model_dump(mode="json", include={"backend", "backend_args"}),
                self.budget.model_dump(mode="json"),
            ],
            sort_keys=True,
        )


def cells_of(sweep: Sweep) -> list[Cell]:
    """Every cell of a sweep, in the order they run.

    Raises:
        CordeliaError: a name does not exist, two folders are one testbed, or two cells would audit an organism in the
            same way.
    """
    testbeds = [load_testbed(bed.testbed) for bed in sweep.testbeds]
    _refuse_copies(testbeds)
    entries = zip(sweep.testbeds, testbeds, _called([testbed.name for testbed in testbeds]), strict=True)
    found = [cell for entry in entries for cell in _of_testbed(sweep, *entry)]
    _refuse_doubles(found)
    servers = list(dict.fromkeys(cell.server for cell in found))
    return sorted(found, key=lambda cell: servers.index(cell.server))


def _of_testbed(sweep: Sweep, bed: Bed, testbed: Testbed, called: str) -> list[Cell]:
    groups = _by_base(testbed, bed, chosen_organisms(testbed, bed.organisms or [], bed.split))
    bases = _short(list(groups))
    return [
        Cell(
            name="/".join(
                [
                    auditor.name,
                    affordance_set,
                    called,
                    *([bases[base]] if len(groups) > 1 else []),
                    *([budget] if len(sweep.budgets) > 1 else []),
                ]
            ),
            auditor=auditor.model_copy(update={"model_roles": {**sweep.model_roles, **auditor.model_roles}}),
            affordance_set=affordance_set,
            affordances=sweep.affordances[affordance_set],
            bed=bed,
            testbed=testbed.name,
            version=testbed.spec.version,
            base=base,
            budget=sweep.budgets[budget],
            organisms=tuple(organisms),
            whole=len(organisms) == len(testbed.organisms),
            epochs=sweep.epochs,
        )
        for base, organisms in groups.items()
        for auditor in sweep.auditors
        for affordance_set in sweep.affordances
        for budget in sweep.budgets
    ]


def _by_base(testbed: Testbed, bed: Bed, organisms: Sequence[str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name in organisms:
        declared = testbed.base_of(name)
        own = declared.model if declared else ""
        base = own if testbed.organisms[name].adapter else bed.base or own
        groups.setdefault(base, []).append(name)
    return groups


def _called(names: Sequence[str]) -> list[str]:
    """The testbeds' names, numbered where several entries have one: parts of a testbed, or two versions of it."""
    return [
        name if names.count(name) == 1 else f"{name}.{1 + names[:place].count(name)}"
        for place, name in enumerate(names)
    ]


def _short(bases: Sequence[str]) -> dict[str, str]:
    """What each base is called: its last part, and all of it where another base ends in the same one."""
    last = {base: base.rpartition("/")[2] or "any" for base in bases}
    return {base: short if list(last.values()).count(short) == 1 else base or short for base, short in last.items()}


def _refuse_copies(testbeds: Sequence[Testbed]) -> None:
    """Two folders with one name and version: in the logs they would be one testbed."""
    first: dict[tuple[str, str], int] = {}
    for number, testbed in enumerate(testbeds):
        other = testbeds[first.setdefault((testbed.name, testbed.spec.version), number)]
        if other.folder.resolve() != testbed.folder.resolve():
            raise CordeliaError(
                f"{other.folder} and {testbed.folder} are both testbed '{testbed.name}', version "
                f"{testbed.spec.version}, and logs tell testbeds apart by these. Leave one out, or give one another "
                "'version' or 'name' in its testbed.yaml."
            )


def _refuse_doubles(cells: Sequence[Cell]) -> None:
    earlier: dict[tuple[str, str], Cell] = {}
    for cell in cells:
        met = [earlier.setdefault((cell.way, organism), cell) for organism in cell.organisms]
        other = next((each for each in met if each is not cell), None)
        if other is None:
            continue
        if set(other.organisms) == set(cell.organisms):
            raise CordeliaError(
                f"'{other.name}' and '{cell.name}' are the same audits under two names. "
                "Leave one out, or raise 'epochs'."
            )
        both = sorted(set(other.organisms).intersection(cell.organisms))
        more = f" and {len(both) - MOST_NAMED} more" if len(both) > MOST_NAMED else ""
        raise CordeliaError(
            f"'{other.name}' and '{cell.name}' would audit {', '.join(both[:MOST_NAMED])}{more} twice in the same "
            "way. Give each organism to one entry of 'testbeds' (organisms, split), or raise 'epochs'."
        )


@dataclass(frozen=True)
class Part:
    """`K/N`: the K-th of N shares of a sweep, from 1."""

    number: int
    of: int

    @classmethod
    def read(cls, text: str) -> "Part":
        """Raises CordeliaError for what is no such share."""
        number, slash, of = text.partition("/")
        if slash and _whole(number) and _whole(of) and 1 <= int(number) <= int(of):
            return cls(int(number), int(of))
        raise CordeliaError(f"--part is K/N, from 1/N to N/N (such as 2/4), not '{text}'.")

    @property
    def folder(self) -> str:
        """Where its logs lie, in the sweep's folder."""
        return f"part-{self.number}-of-{self.of}"

    def share(self, cells: Sequence[Cell]) -> list[Cell]:
        """Its cells: a stretch of the sweep's order, as many samples as the other parts have, a cell cut if need be.

        A stretch needs few servers. Where a cell is cut, each part has some of its organisms.
        """
        places = [(number, organism) for number, cell in enumerate(cells) for organism in cell.organisms]
        start, end = (len(places) * edge // self.of for edge in (self.number - 1, self.number))
        mine: dict[int, list[str]] = {}
        for number, organism in places[start:end]:
            mine.setdefault(number, []).append(organism)
        return [
            replace(
                cells[number],
                organisms=tuple(organisms),
                whole=cells[number].whole and len(organisms) == len(cells[number].organisms),
            )
            for number, organisms in mine.items()
        ]


def _whole(text: str) -> bool:
    """Whether it is a number from 0 in plain digits: `²` is a digit too, and no number."""
    return text.isascii() and text.isdigit()
