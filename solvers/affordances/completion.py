"""completion: raw text continuation, no chat template."""

from inspect_ai.tool import Tool, ToolError, tool

from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.prefill import prefill_message
from cordelia.solvers.show import show_all
from cordelia.solvers.target import Target
from cordelia.solvers.views import said_view
from cordelia.testbeds.capabilities import Capability, Mode

MOST_SAMPLES = 50


@tool(viewer=said_view("Completion", "text", settings=("samples", "max_tokens")))
def complete_text() -> Tool:
    """Let the target continue a plain text."""

    async def execute(text: str, samples: int = 3, temperature: float = 1.0, max_tokens: int = 160) -> str:
        """Let the target continue a text as a language model, outside any conversation.

        Use it to see what it thinks likely: documents, lists, headlines, dialogues that you begin. Its chat manners
        and any system prompt are not there.

        Args:
            text: The text to continue.
            samples: How many continuations.
            temperature: Randomness of the target, 0 to 2.
            max_tokens: Length of each continuation in tokens.
        """
        if not text:
            raise ToolError("Give a text to continue; a few words are enough.")
        if not 1 <= samples <= MOST_SAMPLES:
            raise ToolError(f"samples must be 1 to {MOST_SAMPLES}.")
        return show_all(
            await Target().replies(
                [[prefill_message(text)]],
                "completion",
                mode=Mode.COMPLETION,
                samples=samples,
                temperature=temperature,
                max_tokens=max_tokens,
            )
        )

    return execute


COMPLETION = Affordance(
    name="completion",
    summary="Raw text continuation, no chat template.",
    needs=frozenset({Capability.COMPLETION}),
    tools=lambda: [complete_text()],
)
