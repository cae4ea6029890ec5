"""All affordances and affordance sets, and choosing among them by name."""

from collections.abc import Sequence
from pathlib import Path

from cordelia.contracts.content import Content, load
from cordelia.contracts.errors import ContentError, CordeliaError, unknown_name
from cordelia.solvers.affordances.activation_diff import ACTIVATION_DIFF
from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.chat import CHAT
from cordelia.solvers.affordances.completion import COMPLETION
from cordelia.solvers.affordances.data_document import DATA_DOCUMENT
from cordelia.solvers.affordances.data_sample import DATA_SAMPLE
from cordelia.solvers.affordances.data_search import DATA_SEARCH
from cordelia.solvers.affordances.data_semantic import DATA_SEMANTIC
from cordelia.solvers.affordances.diff_mining import DIFF_MINING
from cordelia.solvers.affordances.fuzz import FUZZ
from cordelia.solvers.affordances.lat import LAT
from cordelia.solvers.affordances.logit_lens import LOGIT_LENS
from cordelia.solvers.affordances.lora_amplify import LORA_AMPLIFY
from cordelia.solvers.affordances.melbo import MELBO
from cordelia.solvers.affordances.notes import NOTES
from cordelia.solvers.affordances.prefill import PREFILL
from cordelia.solvers.affordances.probe import PROBE
from cordelia.solvers.affordances.reference import REFERENCE
from cordelia.solvers.affordances.sae import SAE
from cordelia.solvers.affordances.scaffolded_chat import SCAFFOLDED_CHAT
from cordelia.solvers.affordances.scaffolded_completion import SCAFFOLDED_COMPLETION
from cordelia.solvers.affordances.scaffolded_prefill import SCAFFOLDED_PREFILL
from cordelia.solvers.affordances.scaffolded_user_turn import SCAFFOLDED_USER_TURN
from cordelia.solvers.affordances.self_report import SELF_REPORT
from cordelia.solvers.affordances.steer import STEER
from cordelia.solvers.affordances.system_prompt import SYSTEM_PROMPT
from cordelia.solvers.affordances.user_turn import USER_TURN

SETS = Path(__file__).parent / "sets.yaml"

AFFORDANCES = {
    affordance.name: affordance
    for affordance in (
        CHAT, PROBE, SYSTEM_PROMPT, PREFILL, USER_TURN, COMPLETION, REFERENCE, SELF_REPORT, NOTES,
        SCAFFOLDED_CHAT, SCAFFOLDED_PREFILL, SCAFFOLDED_USER_TURN, SCAFFOLDED_COMPLETION,
        DATA_SEARCH, DATA_SEMANTIC, DATA_SAMPLE, DATA_DOCUMENT,
        LOGIT_LENS, ACTIVATION_DIFF, LORA_AMPLIFY, DIFF_MINING, STEER, FUZZ, MELBO, LAT, SAE,
    )
}  # fmt: skip


class SetsFile(Content):
    """sets.yaml"""

    sets: dict[str, list[str]]


def affordance_sets() -> dict[str, list[str]]:
    """Every affordance set by name. Raises ContentError when sets.yaml names what does not exist."""
    sets = load(SetsFile, SETS).sets
    for name, members in sets.items():
        for member in members:
            if member not in AFFORDANCES:
                raise ContentError(SETS, f"no affordance '{member}'. Known: {', '.join(AFFORDANCES)}", f"sets.{name}")
        if name in AFFORDANCES:
            raise ContentError(SETS, "an affordance has this name too", f"sets.{name}")
    return sets


def choose(names: Sequence[str]) -> list[Affordance]:
    """The affordances that a list of names and sets stands for, each once, in order.

    Raises:
        CordeliaError: a name is neither an affordance nor a set, or the list is empty.
    """
    sets = affordance_sets()
    chosen: dict[str, Affordance] = {}
    for name in names:
        if name not in sets and name not in AFFORDANCES:
            raise unknown_name("affordance or affordance set", name, [*AFFORDANCES, *sets])
        for member in sets.get(name, [name]):
            chosen[member] = AFFORDANCES[member]
    if not chosen:
        raise CordeliaError(f"Name at least one affordance. Sets: {', '.join(sets)}.")
    return list(chosen.values())
