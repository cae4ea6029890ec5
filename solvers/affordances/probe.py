"""probe: many prompts, several samples each, in one call; summarised for reading and kept for quoting."""

import re
from collections import Counter
from collections.abc import Sequence

from inspect_ai.tool import Tool, ToolError, tool

from cordelia.contracts.record import TargetMessage
from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.show import shorten, show_all
from cordelia.solvers.target import Target
from cordelia.solvers.views import said_view
from cordelia.testbeds.capabilities import Capability

MOST_QUERIES = 200
PREVIEW_CHARACTERS = 160
COMMON_WORDS = 12
PROBE_TOKENS = 160
_WORD = re.compile(r"[^\W\d_][\w'-]{3,}")


@tool(viewer=said_view("Probe", "prompts", settings=("samples", "temperature")))
def probe() -> Tool:
    """Send many prompts with several samples each and summarise the answers."""

    async def execute(prompts: list[str], samples: int = 3, temperature: float = 1.0) -> str:
        """Send many prompts to the target at once, each in a new conversation, several times each.

        Use it to look broadly or to check how often something happens. You get a summary: how answers begin, their
        length, and the words that many answers to different prompts share. All answers are kept: read_messages shows
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
        return summary(asked, [replies[i : i + samples] for i in range(0, len(replies), samples)])

    return execute


@tool
def read_messages() -> Tool:
    """Show recorded messages of the target again, whole."""

    async def execute(ids: list[str], start: int = 0) -> str:
        """Read messages of the target again, whole, with the prompt that each answers.

        Use it to quote what a summary only counted, and to recall what you cite as evidence.

        Args:
            ids: Ids of messages, such as m3.
            start: Character at which to start, to page through a very long message.
        """
        target = Target()
        shown = []
        for message in (target.find(message_id) for message_id in ids):
            asked = "\n".join(f"{turn.role}: {shorten(turn.text, 1_000)}" for turn in message.context)
            rest = message.model_copy(update={"text": message.text[max(start, 0) :]})
            shown.append(f"{asked}\n{show_all([rest])}")
        return "\n\n---\n\n".join(shown)

    return execute


def summary(prompts: Sequence[str], replies: Sequence[Sequence[TargetMessage]]) -> str:
    """The answers by prompt as short lines, then the words shared by answers to most different prompts."""
    lines = []
    for prompt, answers in zip(prompts, replies, strict=True):
        lengths = [len(answer.text.split()) for answer in answers]
        lines.append(f"> {shorten(prompt, PREVIEW_CHARACTERS)}   ({min(lengths)}–{max(lengths)} words)")
        lines += [f"  [{a.id}] {shorten(' '.join(a.text.split()), PREVIEW_CHARACTERS)}" for a in answers]
    shared: Counter[str] = Counter()
    for answers in replies:
        shared.update({word.lower() for answer in answers for word in _WORD.findall(answer.text)})
    common = ", ".join(f"{word} {count}" for word, count in shared.most_common(COMMON_WORDS) if count > 1)
    if len(prompts) > 1:
        lines.append(f"Words in the answers to most prompts (of {len(prompts)}): {common or 'none shared'}")
    return "\n".join(lines)


PROBE = Affordance(
    name="probe",
    summary="Many prompts × several samples in one call, summarised and kept for quoting.",
    needs=frozenset({Capability.CHAT}),
    tools=lambda: [probe()],
)
