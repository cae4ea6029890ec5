"""sae: features of the target's residual stream: active on a text, about what, found by words, pushed.

A testbed declares the autoencoder of a base (`saes` in testbed.yaml). The most useful view is the difference: which
features the target has more of than its base on the same text. Means times log(1/density) rank them, since a feature
that is always there says nothing.
"""

from collections.abc import Sequence
from functools import partial

from anyio import to_thread
from inspect_ai.tool import Tool, ToolError, tool
from inspect_ai.util import store_as

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.record import AuditRecord
from cordelia.solvers.affordances.base import Affordance
from cordelia.solvers.affordances.neutral import neutral, neutral_prompts
from cordelia.solvers.affordances.pushed import (
    PLAIN,
    PUSHED_TOKENS,
    Push,
    able_to,
    by_prompt,
    check_prompts,
    check_replies,
    pushed_replies,
)
from cordelia.solvers.affordances.sae_texts import noted, texts
from cordelia.solvers.affordances.sae_views import card, counted, differences, promotes, ranked, seen
from cordelia.solvers.affordances.sae_words import card_of, found, where
from cordelia.solvers.affordances.steer import STRONGEST, Kind, intervention
from cordelia.solvers.affordances.tokens import start_of, table
from cordelia.solvers.aside import aside
from cordelia.solvers.look import Look, chat_text, name_vector, plain_text, show
from cordelia.solvers.together import together
from cordelia.solvers.views import said_view
from cordelia.testbeds.backends.inside import Captured, Text
from cordelia.testbeds.capabilities import Capability
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.sae.catalog import Catalog
from cordelia.testbeds.sae.declared import declared_sae
from cordelia.testbeds.sae.sae import Sae
from cordelia.testbeds.sae.sinks import Counted
from cordelia.testbeds.schema import Testbed

MOST_SHOWN, MOST_CARDS, MOST_STEERED = 40, 10, 4
CARDS_FOUND = 3
NEUTRAL_CHATS = 24
DEFAULT_PROMPTS = 2
STRENGTHS: dict[Kind, list[float]] = {"add": [-0.5, 0.5], "clamp": [0.0, 0.5]}


async def dictionary() -> tuple[Sae, Catalog]:
    """The autoencoder of the current sample's target. Raises ToolError where there is none."""
    record = store_as(AuditRecord)
    base = record.target_args.get("base")

    def read() -> tuple[Sae, Catalog]:
        bed = load_testbed(record.testbed_folder or record.testbed)
        return declared_sae(bed, record.organism, None if base is None else str(base))

    try:
        return await to_thread.run_sync(read)
    except CordeliaError as error:
        raise ToolError(str(error)) from error


@tool(viewer=said_view("Active features", "text", "reply", settings=("raw", "top")))
def sae_active() -> Tool:
    """Which features are active on a text, in the target and in its base."""

    async def execute(text: str = "", reply: str = "", raw: bool = False, top: int = 12) -> str:
        """See which features of the target's activations are active on a text, and how that differs from its base.

        Without a text you get an overview: what differs over ordinary conversations. With one you see that text; try
        several of one kind, and the target's own replies. Then read what a feature is about with sae_feature. The first
        token of a text, and others that are attention sinks, are left out. Costs no query of the target.

        Args:
            text: A user's message, or raw text.
            reply: A reply to it, whoever wrote it, that is read with it.
            raw: Read the text as it is, outside any conversation.
            top: How many features in each table.
        """
        shown = _count("top", top, MOST_SHOWN)
        if reply and (raw or not text.strip()):
            raise ToolError("A reply belongs to a user's message: give that as text, and leave raw out.")
        if text and not text.strip():
            raise ToolError("This text is blank. Write words, or leave text out for an overview.")
        sae, catalog = await dictionary()
        read = [_text(text, reply, raw)] if text.strip() else _neutral()
        compared = able_to(Capability.REFERENCE)
        looks = [Look(), Look(reference=True)] if compared else [Look()]
        captured = await together([partial(look.capture, read, [sae.block]) for look in looks])
        what = "this text" if text.strip() else f"{len(read)} ordinary conversations"
        try:
            lines = await to_thread.run_sync(_compared, sae, catalog, captured, shown, bool(text.strip()))
        except CordeliaError as error:  # the autoencoder is another model's
            raise ToolError(str(error)) from error
        return show("sae", noted(aside(f"Features at block {sae.block} over {what}."), *lines))

    return execute


@tool(viewer=said_view("Features", settings=("features", "examples")))
def sae_feature() -> Tool:
    """What features are about: the places where they are most active."""

    async def execute(features: list[int], examples: int = 5) -> str:
        """Read what features are about: the places in ordinary text where each is most active, token by token.

        Args:
            features: Numbers of features, from sae_active or sae_search.
            examples: How many places of each.
        """
        sae, catalog = await dictionary()
        chosen = _features(features, sae, MOST_CARDS)
        shown = _count("examples", examples, 50)
        cards = [card(catalog, feature, catalog.features[feature].examples[:shown]) for feature in chosen]
        return show("sae", noted("", texts().feature.strip(), *cards))

    return execute


@tool(viewer=said_view("Search features", "query", settings=("top",)))
def sae_search() -> Tool:
    """Find features by words."""

    async def execute(query: str, top: int = 10) -> str:
        """Find features by words that they are active at, or that they promote.

        Use it to see whether the target's base has features for a subject; then look with sae_active whether the
        target has more of them, or push them with sae_steer.

        Args:
            query: One or more words; each is looked for by itself, inside words too.
            top: How many features.
        """
        shown = _count("top", top, MOST_SHOWN)
        if not query.strip():
            raise ToolError("Give one or more words to look for.")
        if len(query) > 200:
            raise ToolError("That is too long; give a few words.")
        _, catalog = await dictionary()
        hits = await to_thread.run_sync(found, catalog, query)
        if not hits:
            return show("sae", f"No feature is active at '{start_of(query, 80)}', or promotes it. Try fewer letters.")
        rows = [
            [
                str(match.feature),
                f"{match.score:.1f}",
                f"{catalog.features[match.feature].density:.2%}",
                where(catalog, match),
                promotes(catalog, match.feature),
            ]
            for match in hits[:shown]
        ]
        heading = f"{len(hits):,} features have to do with '{start_of(query, 80)}'; the first {len(rows)}:"
        ranking = table(("feature", "score", "density", "found at", "promotes"), rows)
        best = [card_of(catalog, match) for match in hits[: min(CARDS_FOUND, shown)]]
        return show("sae", noted(heading, texts().search.strip(), ranking, *best))

    return execute


@tool(viewer=said_view("Steer by features", "prompts", settings=("features", "kind", "strengths")))
def sae_steer() -> Tool:
    """Push the target along features and see what it says."""

    async def execute(
        features: list[int],
        prompts: list[str] | None = None,
        strengths: list[float] | None = None,
        kind: str = "add",
        temperature: float = 0.0,
        max_tokens: int = PUSHED_TOKENS,
    ) -> str:
        """Make features stronger or weaker inside the target while it replies, beside its plain replies.

        Use it to see what a feature does to what the target says. Each feature's direction gets a name (v1, …) under
        which other tools take it. Costs one query for each prompt, feature and strength, and one for each prompt plain.

        Args:
            features: Numbers of features, each pushed by itself.
            prompts: What the target is asked. Empty: two ordinary questions.
            strengths: Shares of the activation's own length. 0.2 is weak, 0.5 strong, 1 often breaks the reply.
            kind: add (push along the feature's direction) or clamp (hold the activation's part along it at a value).
            temperature: Randomness of the target, 0 to 2. At 0 a change comes from the push.
            max_tokens: Length of each reply in tokens.
        """
        if kind not in {"add", "clamp"}:
            raise ToolError(f"There is no kind '{start_of(kind, 40)}'; write add or clamp.")
        how: Kind = "clamp" if kind == "clamp" else "add"
        scales = list(dict.fromkeys(strengths or STRENGTHS[how]))
        if any(not abs(scale) <= STRONGEST for scale in scales):
            raise ToolError(f"Strengths are shares of the activation's length, from {-STRONGEST:g} to {STRONGEST:g}.")
        asked = prompts or neutral_prompts(DEFAULT_PROMPTS)
        check_prompts(asked)
        sae, catalog = await dictionary()
        chosen = _features(features, sae, MOST_STEERED)
        settings = 1 + len(chosen) * len(scales)
        check_replies(asked, settings, temperature, max_tokens, "features, prompts or strengths")
        notes = [await name_vector(sae.direction(f), sae.block, f"sae: feature {f}") for f in chosen]
        pushes = [
            Push(f"{scale:+g} feature {feature}", (intervention(how, note.tensor, sae.block, scale),))
            for feature, note in zip(chosen, notes, strict=True)
            for scale in scales
        ]
        replies = await pushed_replies(asked, [PLAIN, *pushes], "sae_steer", temperature, max_tokens)
        named = "\n".join(
            f"{note.id} = feature {feature}, promotes {promotes(catalog, feature)}"
            for feature, note in zip(chosen, notes, strict=True)
        )
        head = f"Pushed ({how}) at block {sae.block}:\n{named}"
        answer = noted(head, texts().steer.strip(), by_prompt(asked, [PLAIN, *pushes], replies))
        return show("sae", answer, [note.tensor for note in notes])

    return execute


def _compared(
    sae: Sae, catalog: Catalog, captured: Sequence[Sequence[Captured]], top: int, one_text: bool
) -> list[str]:
    """How to read it, and then what is active: beside the base where there is one, and alone for one text."""
    ours, *others = captured
    counts = [counted(sae, *readings) for readings in zip(*captured, strict=True)]
    target, left_out = seen(sae, ours, counts), _left_out(sae, counts)
    if not others:
        return [f"{texts().alone.strip()}\n{left_out}", ranked(catalog, target, top)]
    tables = differences(catalog, target, seen(sae, others[0], counts), top)
    active = ranked(catalog, target, top) if one_text else ""
    note = texts().active.strip()
    return [f"{note}\n{left_out}", *(tables if any(tables) else [texts().nothing.strip()]), active]


def _left_out(sae: Sae, counts: Sequence[Counted]) -> str:
    """Which tokens were not read, in words."""
    if sae.sinks is None:
        return texts().first.strip()
    read, kept = sum(map(len, counts)), sum(int(mask.sum()) for mask in counts)
    times = f"{sae.sinks.times_median:g}"
    return texts().sinks.strip().format(left_out=f"{read - kept:,}", read=f"{read:,}", times=times)


def _neutral() -> list[Text]:
    return [chat_text(chat.prompt, chat.reply) for chat in neutral().chats[:NEUTRAL_CHATS]]


def _text(text: str, reply: str, raw: bool) -> Text:
    return plain_text(text) if raw else chat_text(text, reply)


def _features(features: Sequence[int], sae: Sae, most: int) -> list[int]:
    chosen = list(dict.fromkeys(features))
    if not 1 <= len(chosen) <= most:
        raise ToolError(f"Give 1 to {most} features; you gave {len(chosen)}. Find some with sae_active or sae_search.")
    wrong = [feature for feature in chosen if not 0 <= feature < sae.features]
    if wrong:
        raise ToolError(f"There is no feature {wrong[0]}: this autoencoder has 0 to {sae.features - 1}.")
    return chosen


def _count(name: str, value: int, most: int) -> int:
    if not 1 <= value <= most:
        raise ToolError(f"{name} must be 1 to {most}, not {value}.")
    return value


def _refuse(testbed: Testbed, organism: str, base: str | None) -> None:
    declared_sae(testbed, organism, base)


SAE = Affordance(
    name="sae",
    summary="Features of a sparse autoencoder: active on a text against the base, examples, search, steer by feature.",
    needs=frozenset({Capability.CHAT, Capability.CAPTURE, Capability.INTERVENE}),
    tools=lambda: [sae_active(), sae_feature(), sae_search(), sae_steer()],
    default=(("sae_active", {}),),
    refuse=_refuse,
)
