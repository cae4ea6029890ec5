"""How a target may be sampled."""

from inspect_ai.tool import ToolError

MOST_TOKENS = 4_096
HOTTEST = 2.0


def check_sampling(samples: int, temperature: float, max_tokens: int) -> None:
    """Raises ToolError for what is out of bounds."""
    if samples < 1:
        raise ToolError(f"samples must be at least 1, not {samples}.")
    if not 0 <= temperature <= HOTTEST:
        raise ToolError(f"temperature must be 0 to {HOTTEST:g}, not {temperature}.")
    if not 1 <= max_tokens <= MOST_TOKENS:
        raise ToolError(f"max_tokens must be 1 to {MOST_TOKENS}, not {max_tokens}.")
