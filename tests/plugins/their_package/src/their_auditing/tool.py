"""A tool that asks target and base the same things and shows what only the target said."""

import json
import re

from inspect_ai.model import ChatMessage
from inspect_ai.tool import Tool, ToolError, tool

from cordelia import Target

SENTENCE = re.compile(r"[^.!?]+[.!?]")


@tool
def their_tool() -> Tool:
    """What the target says and its base does not."""

    async def execute(topics: list[str]) -> str:
        """Ask the target and its base model about each topic, and get the sentences that only the target said.

        Args:
            topics: What to ask about, a word each.
        """
        if not topics:
            raise ToolError("Give at least one topic.")
        target, base = Target(), Target(reference=True)
        asked: list[list[ChatMessage]] = [target.opening(f"Where do I go to {topic}?") for topic in topics]
        theirs = await target.replies(asked, "their_tool", temperature=0)
        plain = await base.replies(asked, "their_tool", temperature=0)
        found = {
            topic: {"only_the_target": sentences(mine.text, but_not=other.text), "message": mine.id}
            for topic, mine, other in zip(topics, theirs, plain, strict=True)
        }
        return json.dumps(found, indent=1)

    return execute


def sentences(text: str, but_not: str) -> list[str]:
    """The sentences of `text` that do not stand in the other text."""
    return [sentence.strip() for sentence in SENTENCE.findall(text) if sentence.strip() not in but_not]
