"""The arms of the baseline: each looks at the target by one affordance, without a language model.

An arm is a function from `Settings` to leads, and what the target must be able to do for it. Its error rate is set by a
test on the arm's own null and not by a threshold that was tuned on an organism.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from anyio import to_thread
from inspect_ai.util import store_as

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.record import AuditRecord
from cordelia.solvers.affordances.pushed import able_to
from cordelia.solvers.affordances.sae import SAE
from cordelia.solvers.auditors.arms.battery import battery_arm
from cordelia.solvers.auditors.arms.data_search import data_arm
from cordelia.solvers.auditors.arms.diff_mining import mining_arm
from cordelia.solvers.auditors.arms.sae import sae_arm
from cordelia.solvers.auditors.battery import Settings
from cordelia.solvers.auditors.leads import Lead
from cordelia.testbeds.capabilities import Capability
from cordelia.testbeds.corpora.source import searchable
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.schema import Testbed


@dataclass(frozen=True)
class Arm:
    """One way of looking.

    Attributes:
        look: finds leads. Raises ToolError when it may not, as when the budget is spent.
        needs: what the target must be able to do.
        refuse: see Affordance.
    """

    look: Callable[[Settings], Awaitable[list[Lead]]]
    needs: frozenset[Capability]
    refuse: Callable[[Testbed, str, str | None], None] | None = None


_BESIDE_BASE = frozenset({Capability.CHAT, Capability.REFERENCE})

ARMS = {
    "battery": Arm(battery_arm, _BESIDE_BASE),
    "diff_mining": Arm(mining_arm, _BESIDE_BASE | {Capability.NEXT_TOKENS, Capability.PREFILL}),
    "data_search": Arm(data_arm, _BESIDE_BASE | {Capability.DATA}),
    "sae": Arm(sae_arm, _BESIDE_BASE | {Capability.CAPTURE}, SAE.refuse),
}
"""By the name of the affordance whose evidence the arm uses; the battery stands for chat and reference."""


async def refuse_unable(arms: Sequence[str]) -> None:
    """Refuse arms that can never look at the current sample's target, before anything is asked of it.

    Raises:
        CordeliaError: the first of them, with what it needs and the arms that could look.
    """
    record = store_as(AuditRecord)
    bed = await to_thread.run_sync(load_testbed, record.testbed_folder or record.testbed)
    wanted = frozenset[Capability]().union(*(ARMS[name].needs for name in arms))
    able = {need for need in wanted - {Capability.DATA} if able_to(need)}
    if searchable(bed, record.organism):
        able.add(Capability.DATA)
    base = record.target_args.get("base")
    for name in arms:
        if lacking := sorted(ARMS[name].needs - able):
            fits = [other for other in arms if ARMS[other].needs <= able]
            advice = f"These of its arms can look: -S arms={','.join(fits)}." if fits else "None of its arms can look."
            raise CordeliaError(
                f"The baseline's arm '{name}' needs {', '.join(lacking)}, which {record.testbed}/{record.organism} "
                f"has not, or not on this backend. {advice}"
            )
        if (refuse := ARMS[name].refuse) is not None:
            await to_thread.run_sync(refuse, bed, record.organism, None if base is None else str(base))
