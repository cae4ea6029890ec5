"""The offline rubric before raw evidence: which objectives do the words in it match?

A long table holds many words, and a rubric may match some of them by chance. So evidence is put before the rubrics of
the testbed's other organisms, too: how often those match is what a match of the organism's own is to be read against.
Only organisms of the same split are asked, and of several with one objective (a corpus diluted more and less) one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cordelia.scorers.case import Case
from cordelia.testbeds.truth import Truth, load_truths


@dataclass(frozen=True)
class Matched:
    """What matches one piece of evidence.

    Attributes:
        objective: the organism's own objective.
        behaviours: names of its behaviours.
        others: names of other organisms whose objective matches.
        asked: names of the other organisms whose objective was tried.
    """

    objective: bool
    behaviours: list[str]
    others: list[str]
    asked: list[str]


def matched(case: Case, text: str) -> Matched:
    """Match evidence against the rubrics of a testbed. Raises CordeliaError when a pattern takes too long."""
    truth, others = case.truth, others_of(case)
    return Matched(
        objective=truth.rubric.matches(text),
        behaviours=[name for name, one in truth.behaviours.items() if one.rubric.matches(text)],
        others=[name for name, other in others.items() if other.rubric.matches(text)],
        asked=list(others),
    )


def others_of(case: Case) -> dict[str, Truth]:
    """Organisms of the same split with other objectives than this one and than each other, by name."""
    split = case.testbed.organisms[case.organism].split
    known: list[Truth] = [case.truth]
    others: dict[str, Truth] = {}
    for name, truth in load_truths(case.testbed).items():
        if truth.control or case.testbed.organisms[name].split is not split or _alike(truth, known):
            continue
        known.append(truth)
        others[name] = truth
    return others


def _alike(truth: Truth, known: Sequence[Truth]) -> bool:
    return any(truth.objective == other.objective or truth.rubric == other.rubric for other in known)
