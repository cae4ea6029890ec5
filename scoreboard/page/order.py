"""The order in which a page tells affordance sets: an auditor's reference set comes before those held against it."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from cordelia.scoreboard.models import AuditorResult, Board, Group
from cordelia.scoreboard.page.words import who


class OfSet(Protocol):
    """Whatever belongs to one auditor with one affordance set."""

    @property
    def auditor(self) -> str: ...
    @property
    def auditor_model(self) -> str: ...
    @property
    def affordance_set(self) -> str: ...


T = TypeVar("T", bound=OfSet)
References = set[tuple[str, str]]


def ordered(board: Board) -> Board:
    """The board with the reference set of each auditor in front of its others; all else stays in its order."""
    return board.model_copy(update={"groups": [_ordered(group) for group in board.groups]})


def references_of(group: Group) -> References:
    """By auditor, the set that its other sets are held against."""
    return {(who(each), each.baseline_set) for each in group.differences}


def _ordered(group: Group) -> Group:
    references = references_of(group)
    names = {name for _, name in references}
    return group.model_copy(
        update={
            "sets": _first(group.sets, references),
            "cells": _first(group.cells, references),
            "outcomes": _first(group.outcomes, references),
            "tool_use": sorted(group.tool_use, key=lambda each: each.affordance_set not in names),
            "auditors": [_with_first(each, references) for each in group.auditors],
        }
    )


def _first(results: Sequence[T], references: References) -> list[T]:
    """By auditor, in the order in which they come, its reference set first."""
    people = list(dict.fromkeys(map(who, results)))
    return sorted(
        results, key=lambda each: (people.index(who(each)), (who(each), each.affordance_set) not in references)
    )


def _with_first(auditor: AuditorResult, references: References) -> AuditorResult:
    sets = sorted(auditor.sets, key=lambda name: (who(auditor), name) not in references)
    return auditor.model_copy(update={"sets": sets})
