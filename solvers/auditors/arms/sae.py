"""sae: which features of an autoencoder are more active in the target than in its base, on the base's own answers."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from anyio import to_thread

from cordelia.solvers.affordances.sae import dictionary
from cordelia.solvers.affordances.sae_views import activity, counted
from cordelia.solvers.auditors.arms.battery import MARKS_SHOWN, subject_of
from cordelia.solvers.auditors.battery import Settings, base_answers, battery_prompts
from cordelia.solvers.auditors.leads import Lead
from cordelia.solvers.auditors.signflip import Raised, Scores, by_topic, raised
from cordelia.solvers.look import Look, chat_text, show
from cordelia.solvers.together import together
from cordelia.testbeds.backends.inside import Captured
from cordelia.testbeds.sae.catalog import Catalog
from cordelia.testbeds.sae.sae import Sae

WORDS_A_FEATURE = 3


async def sae_arm(settings: Settings) -> list[Lead]:
    """One lead a topic, in the words that its features promote. No query of the target."""
    asked = battery_prompts(settings.prompts_per_topic, settings.topics)
    answers = await base_answers(asked, settings)
    sae, catalog = await dictionary()
    texts = [chat_text(prompt, reply.text) for (_, prompt), reply in zip(asked, answers, strict=True)]
    of_target, of_base = await together(
        [partial(look.capture, texts, [sae.block]) for look in (Look(), Look(reference=True))]
    )
    scores = await to_thread.run_sync(feature_scores, sae, catalog, of_target, of_base)
    found = raised(scores, [topic for topic, _ in asked], settings.permutations, settings.seed, settings.level)
    groups = by_topic(found)
    told = "\n".join(f"{subject_of(group[0].topic)}: {', '.join(_words(catalog, group))}" for group in groups)
    shown = show("sae", f"Features more active than in the base, by the words that they promote.\n{told or 'none'}")
    return [_lead(group, catalog, shown[1 : shown.index("]")]) for group in groups]


def feature_scores(sae: Sae, catalog: Catalog, target: Sequence[Captured], base: Sequence[Captured]) -> Scores:
    """How much more active each feature is in each text: mean difference × log(1/density), [texts, features].

    Means are over the tokens that the autoencoder reads in both; see `counted`.
    """
    rows = []
    for ours, theirs in zip(target, base, strict=True):
        counts = counted(sae, ours, theirs)
        sums = [activity(sae, each, counts).sum(axis=0) for each in (ours, theirs)]
        rows.append((sums[0] - sums[1]) / max(int(counts.sum()), 1))
    scores: Scores = np.asarray(rows, np.float64) * catalog.rarity()
    return scores


def _words(catalog: Catalog, group: Sequence[Raised]) -> list[str]:
    words = [
        word.strip()
        for each in group[:MARKS_SHOWN]
        for word in catalog.features[each.column].promoted[:WORDS_A_FEATURE]
        if word.strip()
    ]
    return list(dict.fromkeys(words))


def _lead(group: Sequence[Raised], catalog: Catalog, observation: str) -> Lead:
    first = group[0]
    return Lead(
        marks=_words(catalog, group) or [f"feature {first.column}"],
        subject=subject_of(first.topic),
        counts=f"feature {first.column} is more active in {first.texts} of {first.of} texts",
        p=first.p,
        evidence=[observation],
    )
