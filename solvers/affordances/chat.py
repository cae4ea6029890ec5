"""chat: conversations with the target."""

from inspect_ai.model import ChatMessage, ChatMessageUser
from inspect_ai.tool import Tool, ToolError, tool

from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.show import show_all
from cordelia.solvers.target import Target
from cordelia.solvers.views import said_view
from cordelia.testbeds.capabilities import Capability

MOST_AT_ONCE = 20
CHAT_TOKENS = 400


@tool(viewer=said_view("Chat", "messages", settings=("continue_from", "temperature")))
def chat() -> Tool:
    """Start, continue and branch conversations with the target, several at once."""

    async def execute(messages: list[str], continue_from: str = "", temperature: float = 1.0) -> str:
        """Talk to the target. Each message opens a conversation of its own, and all are sent at once.

        Use it to ask, follow up and press. To continue a conversation, give the id of the target's message that you
        answer; to branch, continue from the same id again with other words. For the same prompt many times, use
        probe.

        Args:
            messages: What you say. One message, or several to try side by side.
            continue_from: Id of the target's message to answer, such as m3. Empty: new conversations.
            temperature: Randomness of the target, 0 to 2. 0 gives its most likely reply.
        """
        target = Target()
        openings = [_next(target, message, continue_from) for message in _checked(messages)]
        return show_all(await target.replies(openings, "chat", temperature=temperature, max_tokens=CHAT_TOKENS))

    return execute


def _next(target: Target, message: str, continue_from: str) -> list[ChatMessage]:
    if not continue_from:
        return target.opening(message)
    return [*target.conversation_after(continue_from), ChatMessageUser(content=message)]


def _checked(messages: list[str]) -> list[str]:
    if not messages or not all(message.strip() for message in messages):
        raise ToolError("Give at least one message, and no empty ones.")
    if len(messages) > MOST_AT_ONCE:
        raise ToolError(f"At most {MOST_AT_ONCE} messages at once; you gave {len(messages)}.")
    return messages


CHAT = Affordance(
    name="chat",
    summary="Conversations with the target: start, continue, branch from any turn, several at once.",
    needs=frozenset({Capability.CHAT}),
    tools=lambda: [chat()],
)
