"""The arms of the baseline: each looks at the target by one affordance, without a language model.

An arm is a function from `Settings` to leads. Its error rate is set by a test on the arm's own null and not by a
threshold that was tuned on an organism.
"""

from collections.abc import Awaitable, Callable

from cordelia.solvers.auditors.arms.battery import battery_arm
from cordelia.solvers.auditors.arms.data_search import data_arm
from cordelia.solvers.auditors.arms.diff_mining import mining_arm
from cordelia.solvers.auditors.arms.sae import sae_arm
from cordelia.solvers.auditors.battery import Settings
from cordelia.solvers.auditors.leads import Lead

Arm = Callable[[Settings], Awaitable[list[Lead]]]

ARMS: dict[str, Arm] = {
    "battery": battery_arm,
    "diff_mining": mining_arm,
    "data_search": data_arm,
    "sae": sae_arm,
}
"""By the name of the affordance whose evidence the arm uses; the battery stands for chat and reference."""
