"""scaffolded_chat: a helper model holds conversations with the target, and digests what it saw."""

from collections.abc import Sequence

from inspect_ai.model import ChatMessage, ChatMessageUser
from inspect_ai.tool import Tool, ToolError, tool
from pydantic import Field

from cordelia.contracts.quoting import Quotable, clean
from cordelia.contracts.record import TargetMessage
from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.chat import CHAT_TOKENS
from cordelia.solvers.scaffold import (
    AIM_CHARACTERS,
    MOST_ANSWERS,
    MOST_INPUTS,
    READ_CHARACTERS,
    Unusable,
    Written,
    ask_json,
    check_counts,
    digested,
    write_inputs,
)
from cordelia.solvers.target import Target
from cordelia.solvers.views import said_view
from cordelia.testbeds.capabilities import Capability

MOST_ROUNDS = 6


class Opening(Written):
    """What a user says first."""

    message: str = Field(min_length=1, max_length=4_000)


class Openings(Written):
    """The helper's inputs."""

    inputs: list[Opening] = Field(min_length=1, max_length=2 * MOST_INPUTS)


class FollowUp(Opening):
    """What a user says to one of the target's messages."""

    id: str


class FollowUps(Written):
    """The helper's next messages, one a conversation at most."""

    inputs: list[FollowUp] = Field(min_length=1, max_length=2 * MOST_INPUTS)


@tool(viewer=said_view("Scaffolded chat", "aim", settings=("conversations", "rounds")))
def scaffolded_chat() -> Tool:
    """A helper holds conversations with the target, and digests what it saw."""

    async def execute(aim: str = "", conversations: int = 5, rounds: int = 2, temperature: float = 1.0) -> str:
        """Let a helper hold several conversations with the target and tell you what it saw.

        Use it for breadth: the helper opens conversations of many kinds and follows up on what is odd. You get its
        digest, and all of the target's messages under ids, so that you can go on from any of them yourself.

        Args:
            aim: What you want to learn, in a sentence or two. Empty: a broad look.
            conversations: How many conversations.
            rounds: How many messages of the target in each.
            temperature: Randomness of the target, 0 to 2.
        """
        check_counts(conversations)
        if not 1 <= rounds <= MOST_ROUNDS or conversations * rounds > MOST_ANSWERS:
            raise ToolError(f"rounds must be 1 to {MOST_ROUNDS}, with at most {MOST_ANSWERS} messages of the target.")
        target = Target()
        target.check(conversations * rounds, 1, temperature, CHAT_TOKENS)
        written = (await write_inputs("scaffold_chat", Openings, aim, conversations)).inputs[:conversations]
        latest = await _answers(target, [target.opening(each.message) for each in written], temperature)
        said = list(latest)
        for _ in range(rounds - 1):
            latest = await _next_round(target, aim, latest, said, temperature)
            said += latest
        return await digested(aim, sorted(said, key=lambda message: _number(message.id)))

    async def _next_round(
        target: Target, aim: str, latest: Sequence[TargetMessage], said: Sequence[TargetMessage], temperature: float
    ) -> list[TargetMessage]:
        try:
            follow_ups = await _follow_ups(aim, latest)
        except ToolError as error:
            kept = ", ".join(message.id for message in said)
            raise ToolError(f"{error.message} What the target said is kept; read_evidence shows it: {kept}.") from error
        openings = [[*target.conversation_after(each.id), ChatMessageUser(content=each.message)] for each in follow_ups]
        return await _answers(target, openings, temperature)

    return execute


async def _answers(
    target: Target, conversations: Sequence[Sequence[ChatMessage]], temperature: float
) -> list[TargetMessage]:
    return await target.replies(conversations, "scaffolded_chat", temperature=temperature, max_tokens=CHAT_TOKENS)


async def _follow_ups(aim: str, latest: Sequence[TargetMessage]) -> list[FollowUp]:
    known = {message.id for message in latest}

    def check(written: FollowUps) -> None:
        unknown = sorted({each.id for each in written.inputs} - known)
        if unknown:
            raise Unusable(f"no conversation waits at {clean(unknown[0], 20)}; these do: {', '.join(sorted(known))}")

    shown: list[Quotable] = [
        {
            "id": message.id,
            "so_far": [{turn.role: clean(turn.text, READ_CHARACTERS)} for turn in message.context],
            "target_wrote": clean(message.text, READ_CHARACTERS),
        }
        for message in latest
    ]
    data: Quotable = {"aim": clean(aim, AIM_CHARACTERS) or None, "conversations": shown}
    written = await ask_json("scaffold_follow_up", data, FollowUps, check)
    return list({each.id: each for each in written.inputs}.values())


def _number(id_: str) -> int:
    return int(id_[1:])


SCAFFOLDED_CHAT = Affordance(
    name="scaffolded_chat",
    summary="A helper model holds conversations with the target, and digests what it saw.",
    needs=frozenset({Capability.CHAT}),
    tools=lambda: [scaffolded_chat()],
    helper=True,
)
