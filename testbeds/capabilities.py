"""What a backend can do with a target, stated before an audit starts.

An affordance names the capabilities it needs; a task that would hand an auditor an affordance which its target cannot
serve is refused when it is built, by name, and not in mid-audit.
"""

from enum import StrEnum


class Capability(StrEnum):
    """One thing a target can be asked for."""

    CHAT = "chat"
    PREFILL = "prefill"
    COMPLETION = "completion"
    USER_TURN = "user_turn"
    LOGPROBS = "logprobs"
    LIKELIHOOD = "likelihood"
    NEXT_TOKENS = "next_tokens"
    AMPLIFY = "amplify"
    REFERENCE = "reference"
    TOOLS = "tools"
    CAPTURE = "capture"
    INTERVENE = "intervene"
    GRADIENT = "gradient"
    DATA = "data"
    """What it was trained on can be searched. It comes with the organism and not with the backend that serves it."""


class Mode(StrEnum):
    """How the messages of a request are turned into the target's input."""

    CHAT = "chat"
    """The chat template, then the assistant's turn. A trailing assistant message is a prefill and is continued."""
    USER_TURN = "user_turn"
    """The chat template, then the user's turn, which the target writes. A trailing user message is continued."""
    COMPLETION = "completion"
    """The text of the last message alone, without any template and without the hidden system prompt."""

    @property
    def capability(self) -> Capability:
        return Capability(self.value)


WEIGHTS_SERVED = frozenset(
    {
        Capability.CHAT,
        Capability.PREFILL,
        Capability.COMPLETION,
        Capability.USER_TURN,
        Capability.LOGPROBS,
        Capability.LIKELIHOOD,
        Capability.REFERENCE,
        Capability.NEXT_TOKENS,
        Capability.AMPLIFY,
    }
)
"""What every backend that serves an organism's weights can do."""
