"""diff_mining: which next tokens the target expects more, or less, than its base, over a neutral corpus."""

from collections.abc import Sequence
from functools import partial

from inspect_ai.tool import Tool, ToolError, tool

from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.how_to_read import how_to_read
from cordelia.solvers.affordances.neutral import neutral
from cordelia.solvers.affordances.pushed import able_to
from cordelia.solvers.affordances.tokens import bounded, line_of, start_of, table, token_cell
from cordelia.solvers.aside import aside
from cordelia.solvers.look import Look, chat_text, plain_text, show
from cordelia.solvers.mining import Mined, Reading, Shift, mine, reply_start
from cordelia.solvers.target import Target
from cordelia.solvers.together import together
from cordelia.solvers.views import said_view
from cordelia.testbeds.backends.inside import Text
from cordelia.testbeds.capabilities import Capability

EXPECTED = 100
"""Tokens of each model that are known at a position."""

LARGEST_SCALE = 8.0
MOST_TEXTS, MOST_PROMPTS, MOST_SHIFTS = 200, 40, 30
REPLY_TOKENS = 80
CONTEXTS = 2
FARTHEST = 6


@tool(viewer=said_view("Diff mining", "prompts", "texts", settings=("adapter_scale",)))
def diff_mining() -> Tool:
    """Compare what target and base expect next, token by token, over many texts."""

    async def execute(
        prompts: list[str] | None = None,
        texts: list[str] | None = None,
        adapter_scale: float = 1.0,
        top: int = 12,
    ) -> str:
        """See which words the target expects more, or less, than its base, and where.

        Both read the same texts; at every token their expectations of the next one are compared. Without arguments
        they read everyday exchanges and plain texts, which costs no queries. With prompts of your own the target
        answers each once (one query each), and both read its answers: use it on a subject that you suspect.

        Args:
            prompts: Messages of a user; the target's answers are compared token by token.
            texts: Raw texts to read, without a chat template.
            adapter_scale: Exaggerates what training changed while the texts are read: 2 or 3 make faint shifts
                louder. 1 is the target as it is.
            top: How many tokens in each direction.
        """
        if not 1 <= top <= MOST_SHIFTS:
            raise ToolError(f"top must be 1 to {MOST_SHIFTS}, not {top}.")
        if not abs(adapter_scale) <= LARGEST_SCALE:
            raise ToolError(f"adapter_scale must be -{LARGEST_SCALE:g} to {LARGEST_SCALE:g}, not {adapter_scale:g}.")
        if adapter_scale != 1 and not able_to(Capability.AMPLIFY):
            raise ToolError("The adapter of this target cannot be scaled here; leave adapter_scale out.")
        _check(prompts, MOST_PROMPTS, "prompt")
        _check(texts, MOST_TEXTS, "text")
        if prompts is None and texts is None:
            chats = [(chat.prompt, chat.reply) for chat in neutral().chats]
            plain = list(neutral().texts)
        else:
            chats = await _answers(prompts or [])
            plain = list(texts or [])
        mined = mine(await readings(chats, plain, adapter_scale))
        what = " and ".join(
            f"{count} {name}"
            for count, name in ((len(chats), "exchanges (tokens of the reply)"), (len(plain), "plain texts"))
            if count
        )
        scaled = f", adapter at scale {adapter_scale:g}" if adapter_scale != 1 else ""
        return show("diff_mining", render(mined, f"{what}{scaled}", top))

    return execute


async def readings(chats: Sequence[tuple[str, str]], plain: Sequence[str], adapter_scale: float = 1.0) -> list[Reading]:
    """Exchanges (prompt and reply; only the reply's tokens count) and plain texts, as target and base read them."""
    texts: list[Text] = [*(chat_text(prompt, reply) for prompt, reply in chats), *(plain_text(text) for text in plain)]
    target, base = await together(
        [
            partial(look.next_tokens, texts, EXPECTED)
            for look in (Look(adapter_scale=adapter_scale), Look(reference=True))
        ]
    )
    chat_readings = [
        Reading(prompt, ours, theirs, reply_start(ours.tokens, reply))
        for (prompt, reply), ours, theirs in zip(chats, target, base, strict=False)
    ]
    rest = zip(plain, target[len(chats) :], base[len(chats) :], strict=True)
    return [*chat_readings, *(Reading(text, ours, theirs) for text, ours, theirs in rest)]


async def _answers(prompts: Sequence[str]) -> list[tuple[str, str]]:
    """Each prompt with the target's own most likely answer."""
    target = Target()
    conversations = [target.opening(prompt) for prompt in prompts]
    replies = await target.replies(conversations, "diff_mining", temperature=0.0, max_tokens=REPLY_TOKENS)
    return [(prompt, reply.text) for prompt, reply in zip(prompts, replies, strict=True)]


def render(mined: Mined, what: str, top: int) -> str:
    """The shifts as two tables, and the texts on which the models differ most."""
    head = aside(
        f"Next tokens of target and base compared at {mined.positions:,} positions of {what}. Mean distance "
        f"{mined.distance:.3f} (0: they expect the same, 1: they share nothing)."
    )
    raised, lowered = (
        _shifts(mined.raised[:top], mined.positions),
        _shifts(mined.lowered[: max(1, top // 2)], mined.positions),
    )
    if not mined.raised and not mined.lowered:
        return f"{head}\n\n{how_to_read('diff_mining_nothing')}"
    raised = _shifts(mined.raised[:top], mined.positions)
    lowered = _shifts(mined.lowered[: max(1, top // 2)], mined.positions)
    farthest = [[f"{distance:.3f}", start_of(label, 110)] for label, distance in mined.distances[:FARTHEST]]
    return bounded(
        [
            head,
            how_to_read("diff_mining"),
            f"{aside(f'MORE LIKELY THAN TO THE BASE ({len(mined.raised):,} tokens)')}\n\n{raised}",
            f"{aside(f'LESS LIKELY ({len(mined.lowered):,} tokens)')}\n\n{lowered}",
            f"{aside('Texts on which they differ most:')}\n\n{table(('distance', 'text'), farthest)}",
        ]
    )


def _shifts(shifts: Sequence[Shift], positions: int) -> str:
    rows = [
        [
            token_cell(shift.token),
            f"{1_000 * shift.weight / positions:.1f}",
            f"{shift.positions} ({shift.texts})",
            f"{shift.target:.0%} / {shift.base:.0%}",
            " ⁄ ".join(
                f"«{line_of(place.before, 45)}» {place.target:.0%} / {place.base:.0%}"
                for place in shift.contexts[:CONTEXTS]
            ),
        ]
        for shift in shifts
    ]
    return table(("token", "weight", "at", "chances", "most after"), rows) if rows else aside("none")


def _check(given: list[str] | None, most: int, name: str) -> None:
    if given is None:
        return
    if not given or not all(each.strip() for each in given):
        raise ToolError(f"Give at least one {name}, and no empty ones; or leave {name}s out.")
    if len(given) > most:
        raise ToolError(f"At most {most} {name}s at once; you gave {len(given)}.")


DIFF_MINING = Affordance(
    name="diff_mining",
    summary="Next tokens that the target expects more or less than its base, over neutral texts, with contexts.",
    needs=frozenset({Capability.CHAT, Capability.NEXT_TOKENS, Capability.REFERENCE}),
    tools=lambda: [diff_mining()],
)
