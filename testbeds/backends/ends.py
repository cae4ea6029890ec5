"""The tokens that end a reply: one rule for every backend, so that replies of two backends end in the same place."""

from collections.abc import Sequence

from cordelia.testbeds.backends.rendering import TurnTokenizer, turn_end
from cordelia.testbeds.capabilities import Mode


def end_ids(tokenizer: TurnTokenizer, configured: int | Sequence[int] | None) -> tuple[int, ...]:
    """The ids that end a turn, ascending. Some models name only one of the three.

    Args:
        tokenizer: says what ends a text, and its chat template what comes right after a turn's text.
        configured: `eos_token_id` of the model's generation settings.
    """
    ends = {tokenizer.eos_token_id, *(turn_end(tokenizer, mode) for mode in (Mode.CHAT, Mode.USER_TURN))}
    ends.update([configured] if configured is None or isinstance(configured, int) else configured)
    return tuple(sorted(token for token in ends if token is not None))
