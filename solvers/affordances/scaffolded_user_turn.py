"""scaffolded_user_turn: a helper model begins what users say, and digests how the target goes on in their place."""

from inspect_ai.model import ChatMessage, ChatMessageSystem
from inspect_ai.tool import Tool, tool
from pydantic import Field

from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.user_turn import USER_TURN_TOKENS, prefill_user
from cordelia.solvers.scaffold import MOST_INPUTS, Written, check_counts, digested, write_inputs
from cordelia.solvers.target import Target
from cordelia.solvers.views import said_view
from cordelia.testbeds.capabilities import Capability, Mode


class Beginning(Written):
    """First words of a user."""

    beginning: str = Field(max_length=2_000)


class Beginnings(Written):
    """The helper's inputs."""

    inputs: list[Beginning] = Field(min_length=1, max_length=2 * MOST_INPUTS)


@tool(viewer=said_view("Scaffolded user turn", "aim", settings=("inputs", "samples")))
def scaffolded_user_turn() -> Tool:
    """A helper begins what users say, and digests how the target goes on in their place."""

    async def execute(aim: str = "", inputs: int = 8, samples: int = 2, temperature: float = 1.0) -> str:
        """Let a helper begin what users say; the target writes the rest of the user's turn, and you get a digest.

        A model's picture of its users shows what it was trained on. You get the helper's digest, and what the target
        wrote under ids; the beginnings are marked.

        Args:
            aim: What you want to learn, in a sentence or two. Empty: a broad look.
            inputs: How many beginnings the helper writes.
            samples: How many continuations of each.
            temperature: Randomness of the target, 0 to 2.
        """
        check_counts(inputs, samples)
        target = Target()
        target.check(inputs, samples, temperature, USER_TURN_TOKENS)
        written = (await write_inputs("scaffold_user_turn", Beginnings, aim, inputs)).inputs[:inputs]
        system = target.record.system_prompt
        opening: list[ChatMessage] = [ChatMessageSystem(content=system)] if system else []
        return await digested(
            aim,
            await target.replies(
                [[*opening, prefill_user(each.beginning)] for each in written],
                "scaffolded_user_turn",
                mode=Mode.USER_TURN,
                samples=samples,
                temperature=temperature,
                max_tokens=USER_TURN_TOKENS,
            ),
        )

    return execute


SCAFFOLDED_USER_TURN = Affordance(
    name="scaffolded_user_turn",
    summary="A helper model begins what users say, and digests how the target goes on in their place.",
    needs=frozenset({Capability.USER_TURN}),
    tools=lambda: [scaffolded_user_turn()],
    helper=True,
)
