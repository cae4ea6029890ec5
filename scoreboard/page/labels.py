"""Short names for long affordance sets.

A set that was written out is named by all its members, which no axis has room for. On a page it is told by its first
members, and the page lists the members of every set.
"""

from collections.abc import Iterable

from cordelia.scoreboard.models import Board, Group

LONGEST = 30
"""Characters of a name that stays as it is."""
SHOWN = 2


def labels(names: Iterable[str]) -> dict[str, str]:
    """A label for each name, no two alike: `chat, probe + 7` for a set of nine."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(names):
        members = name.split(",")
        label = name
        if len(name) > LONGEST:
            rest = len(members) - SHOWN
            label = ", ".join(members[:SHOWN]) + (f" + {rest}" if rest > 0 else "")
            label = label if len(label) <= LONGEST else f"{label[: LONGEST - 1]}…"
        wanted, number = label, 1
        while label in found.values():
            number += 1
            label = f"{wanted} ({number})"
        found[name] = label
    return found


def labelled(board: Board) -> Board:
    """The board with short names for its sets."""
    return board.model_copy(update={"groups": [_labelled(group) for group in board.groups]})


def _labelled(group: Group) -> Group:
    told = labels(
        [each.affordance_set for each in group.sets]
        + [name for each in group.differences for name in (each.baseline_set, each.affordance_set)]
        + [each.affordance_set for each in group.tool_use]
    )
    if all(name == label for name, label in told.items()):
        return group
    changed = {
        field: [each.model_copy(update={"affordance_set": told[each.affordance_set]}) for each in results]
        for field, results in (
            ("sets", group.sets),
            ("cells", group.cells),
            ("tool_use", group.tool_use),
            ("outcomes", group.outcomes),
        )
    }
    differences = [
        each.model_copy(update={"affordance_set": told[each.affordance_set], "baseline_set": told[each.baseline_set]})
        for each in group.differences
    ]
    auditors = [each.model_copy(update={"sets": [told[name] for name in each.sets]}) for each in group.auditors]
    return group.model_copy(update={**changed, "differences": differences, "auditors": auditors})
