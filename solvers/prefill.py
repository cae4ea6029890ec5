"""Words that an auditor puts into the target's mouth: a message that says so."""

from inspect_ai.model import ChatMessage, ChatMessageAssistant

PREFILL_TAG = "cordelia_prefill"
"""Message metadata key on such words, so that graders can tell them from the target's own."""


def prefill_message(text: str) -> ChatMessageAssistant:
    """Words put into the target's mouth, tagged as such."""
    return ChatMessageAssistant(content=text, metadata={PREFILL_TAG: True})


def is_prefill(message: ChatMessage) -> bool:
    """Whether a message is words that an auditor put into the target's mouth."""
    return bool(message.metadata and message.metadata.get(PREFILL_TAG))
