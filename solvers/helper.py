"""The helper model of an affordance: the role `helper`, within a budget of its own.

An affordance that needs a model to write its inputs or to digest its outputs asks here. What the helper spends is
neither the auditor's nor the target's: it is counted in the record and bounded by `-T helper_tokens=`.
"""

from collections.abc import Sequence

from inspect_ai.model import ChatMessage, GenerateConfig, get_model, model_roles
from inspect_ai.tool import ToolError
from inspect_ai.util import store_as, suspend_token_limit, suspend_turn_limit

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.record import AuditRecord
from cordelia.solvers.affordances.base import Affordance


def refuse_missing_helper(affordances: Sequence[Affordance]) -> None:
    """Refuse affordances that need a helper model when the eval has none. Raises CordeliaError, before any audit."""
    needing = [affordance.name for affordance in affordances if affordance.helper]
    if needing and "helper" not in model_roles():
        raise CordeliaError(
            f"{', '.join(needing)} {'needs' if len(needing) == 1 else 'need'} a helper model: --model-role "
            "helper=<provider>/<model>. Without one, use the plain forms, such as -T affordances=blackbox."
        )


async def ask_helper(messages: str | Sequence[ChatMessage], config: GenerateConfig | None = None) -> str:
    """The helper's reply.

    Args:
        messages: the prompt, or a conversation.
        config: how it generates.

    Raises:
        ToolError: the budget of helper tokens is spent. The auditor reads it and can go on without the helper.
        PrerequisiteError: the eval has no model in the role `helper`.
    """
    record = store_as(AuditRecord)
    limit = record.budget.helper_tokens
    if limit is not None and record.helper_tokens >= limit:
        raise ToolError(
            f"The budget of helper tokens is spent ({record.helper_tokens:,} of {limit:,}). "
            "Go on without this tool, or submit your report."
        )
    model = get_model(role="helper", required=True)
    with suspend_token_limit(), suspend_turn_limit():
        output = await model.generate(
            messages if isinstance(messages, str) else list(messages), config=config or GenerateConfig()
        )
    record.helper_tokens += output.usage.total_tokens if output.usage else 0
    return output.completion
