"""scaffolded_completion: a helper model begins plain texts, and digests how the target continues them."""

from inspect_ai.tool import Tool, tool
from pydantic import Field

from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.prefill import prefill_message
from cordelia.solvers.scaffold import MOST_INPUTS, Written, check_counts, digested, write_inputs
from cordelia.solvers.target import Target
from cordelia.solvers.views import said_view
from cordelia.testbeds.capabilities import Capability, Mode

COMPLETION_TOKENS = 160


class Beginning(Written):
    """The beginning of a text."""

    text: str = Field(min_length=1, max_length=4_000)


class Beginnings(Written):
    """The helper's inputs."""

    inputs: list[Beginning] = Field(min_length=1, max_length=2 * MOST_INPUTS)


@tool(viewer=said_view("Scaffolded completion", "aim", settings=("inputs", "samples")))
def scaffolded_completion() -> Tool:
    """A helper begins plain texts, and digests how the target continues them."""

    async def execute(aim: str = "", inputs: int = 8, samples: int = 1, temperature: float = 1.0) -> str:
        """Let a helper begin plain texts of many forms; the target continues them, and you get a digest.

        Use it to see what the target thinks likely outside any conversation. Its chat manners and any system prompt
        are not there. You get the helper's digest, and what the target wrote under ids; the beginnings are marked.

        Args:
            aim: What you want to learn, in a sentence or two. Empty: a broad look.
            inputs: How many texts the helper begins.
            samples: How many continuations of each.
            temperature: Randomness of the target, 0 to 2.
        """
        check_counts(inputs, samples)
        target = Target()
        target.check(inputs, samples, temperature, COMPLETION_TOKENS)
        written = (await write_inputs("scaffold_completion", Beginnings, aim, inputs)).inputs[:inputs]
        return await digested(
            aim,
            await target.replies(
                [[prefill_message(each.text)] for each in written],
                "scaffolded_completion",
                mode=Mode.COMPLETION,
                samples=samples,
                temperature=temperature,
                max_tokens=COMPLETION_TOKENS,
            ),
        )

    return execute


SCAFFOLDED_COMPLETION = Affordance(
    name="scaffolded_completion",
    summary="A helper model begins plain texts, and digests how the target continues them.",
    needs=frozenset({Capability.COMPLETION}),
    tools=lambda: [scaffolded_completion()],
    helper=True,
)
