"""What each affordance set adds to an auditor's reference set."""

from collections.abc import Collection

import polars as pl

from cordelia.scoreboard.headline import Main
from cordelia.scoreboard.measures import MEASURES, Values, values_of
from cordelia.scoreboard.models import SetDifference
from cordelia.scoreboard.statistics import corrected, paired

REFERENCES = ("chat_only", "chat")
"""Sets that others are held against, the first that an auditor was run with; else the smallest that holds `chat`."""


def differences_of(
    audits: pl.DataFrame, measure: Main = "objective_found", prompted: Collection[str] = ()
) -> list[SetDifference]:
    """Every set against its auditor's reference set, paired by organism; Holm's correction over all of the group.

    What is missing counts as not found. `prompted`: the organisms with a hidden prompt (`headline.organisms_of`).
    """
    found: list[SetDifference] = []
    for (auditor, model), mine in sorted(audits.partition_by("auditor", "auditor_model", as_dict=True).items()):
        values = _by_set(mine, measure, prompted)
        reference = next((name for name in REFERENCES if name in values), next(iter(values)))
        for name, of_set in values.items():
            difference = paired(values[reference], of_set) if name != reference else None
            if difference is not None:
                found.append(
                    SetDifference(
                        auditor=str(auditor),
                        auditor_model=str(model),
                        baseline_set=reference,
                        affordance_set=name,
                        difference=difference,
                    )
                )
    adjusted = corrected([each.difference for each in found]) if found else []
    return [each.model_copy(update={"difference": new}) for each, new in zip(found, adjusted, strict=True)]


def _by_set(audits: pl.DataFrame, measure: Main, prompted: Collection[str]) -> dict[str, Values]:
    """By set: those that do no more than talk with the target first, then the one with the fewest affordances."""
    parts = audits.partition_by("affordance_set", as_dict=True)
    ordered = sorted((*_breadth(part), str(name), part) for (name,), part in parts.items())
    return {name: values_of(part, MEASURES[measure], having=prompted) for _, _, name, part in ordered}


def _breadth(audits: pl.DataFrame) -> tuple[bool, int]:
    held = set(audits["affordances"].explode().to_list())
    return "chat" not in held, len(held)
