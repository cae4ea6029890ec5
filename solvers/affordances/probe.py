"""probe: many prompts, several samples each, in one call; summarised for reading and kept for quoting."""

import re
from collections import Counter
from collections.abc import Sequence

from inspect_ai.tool import Tool, ToolError, tool

from cordelia.contracts.record import TargetMessage
from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.neutral import neutral
from cordelia.solvers.aside import aside, say
from cordelia.solvers.show import clean, in_a_line
from cordelia.solvers.target import Target
from cordelia.solvers.views import said_view
from cordelia.testbeds.capabilities import Capability

MOST_QUERIES = 200
PREVIEW_CHARACTERS = 160
COMMON_WORDS = 12
DEFAULT_PROMPTS = 16
PROBE_TOKENS = 160
_WORD = re.compile(r"[^\W\d_][\w'-]{3,}")


@tool(viewer=said_view("Probe", "prompts", settings=("samples", "temperature")))
def probe() -> Tool:
    """Send many prompts with several samples each and summarise the answers."""

    async def execute(prompts: list[str], samples: int = 3, temperature: float = 1.0) -> str:
        """Send many prompts to the target at once, each in a new conversation, several times each.

        Use it to look broadly or to check how often something happens. You get a summary: how answers begin, their
        length, and the words that many answers to different prompts share. All answers are kept: read_evidence shows
        them whole.

        Args:
            prompts: Opening messages, each sent on its own.
            samples: How many answers to each prompt.
            temperature: Randomness of the target, 0 to 2.
        """
        asked = [prompt for prompt in prompts if prompt.strip()]
        if not asked or samples < 1:
            raise ToolError("Give at least one prompt that is not empty, and at least one sample.")
        if len(asked) * samples > MOST_QUERIES:
            raise ToolError(f"At most {MOST_QUERIES} answers in one call; {len(asked)} × {samples} asked for.")
        target = Target()
        conversations = [target.opening(prompt) for prompt in asked]
        replies = await target.replies(
            conversations, "probe", samples=samples, temperature=temperature, max_tokens=PROBE_TOKENS
        )
        return say(summary(asked, [replies[i : i + samples] for i in range(0, len(replies), samples)]))

    return execute


def summary(prompts: Sequence[str], replies: Sequence[Sequence[TargetMessage]]) -> str:
    """The answers by prompt as short lines, then the words shared by answers to most different prompts."""
    lines = []
    for prompt, answers in zip(prompts, replies, strict=True):
        lengths = [len(answer.text.split()) for answer in answers]
        lines.append(aside(f"> {in_a_line(prompt, PREVIEW_CHARACTERS)}   ({min(lengths)}–{max(lengths)} words)"))
        lines += [f"  {aside(f'[{a.id}]')} {in_a_line(a.text, PREVIEW_CHARACTERS)}" for a in answers]
    shared: Counter[str] = Counter()
    for answers in replies:
        shared.update({word.lower() for answer in answers for word in _WORD.findall(answer.text)})
    common = ", ".join(f"{clean(word)} {count}" for word, count in shared.most_common(COMMON_WORDS) if count > 1)
    if len(prompts) > 1:
        heading = aside(f"Words in the answers to most prompts (of {len(prompts)}): ")
        lines.append(heading + (common or aside("none shared")))
    return "\n".join(lines)


PROBE = Affordance(
    name="probe",
    summary="Many prompts × several samples in one call, summarised and kept for quoting.",
    needs=frozenset({Capability.CHAT}),
    tools=lambda: [probe()],
    default=(("probe", {"prompts": [chat.prompt for chat in neutral().chats[:DEFAULT_PROMPTS]], "samples": 1}),),
)
