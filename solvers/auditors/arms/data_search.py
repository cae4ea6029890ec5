"""data_search: what the training data say more often than the base does in the same place.

Documents are drawn at random. In the place of a transcript's last answer, and of what follows the first words of a
text, the base writes its own; the contrast is that of the battery, with the corpus in the place of the target.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

from cordelia.solvers.auditors.arms.battery import EVIDENCE_SHOWN, MARKS_SHOWN
from cordelia.solvers.auditors.battery import BASE_SEED_OFFSET, Settings
from cordelia.solvers.auditors.contrast import Finding, Pair, contrast, z_scores
from cordelia.solvers.auditors.features import features
from cordelia.solvers.auditors.leads import Lead
from cordelia.solvers.data import keep, known, no_data, of_data, training_data
from cordelia.solvers.look import show
from cordelia.solvers.target import Target
from cordelia.testbeds.capabilities import Mode
from cordelia.testbeds.corpora.document import Document

DRAWN = 96
OPENING_WORDS = 12
COMPARED_WORDS = 30
TOGETHER = 0.3
"""Share of their documents (Jaccard) from which two features are told in one lead."""

CUES = 3
CUE_Z = 3.0
DATA = "the training data"


@dataclass(frozen=True)
class Place:
    """Where corpus and base are compared: what stands before, and what the corpus says then."""

    document: Document
    before: list[ChatMessage]
    mode: Mode
    said: str


async def data_arm(settings: Settings) -> list[Lead]:
    """Leads from what the corpus says; as many queries of the base as documents are drawn, none of the target."""
    store = await training_data()
    if store is None:
        no_data("data_search")
        return []
    show("data_search", known(store))
    numbers = random.Random(settings.seed).sample(
        range(1, store.facts.documents + 1), min(DRAWN, store.facts.documents)
    )
    documents = await of_data(store.documents, numbers)
    places = [place for document in documents if (place := place_in(document)) is not None]
    written = await _base(places, settings)
    pairs = [
        Pair(DATA, frozenset(features(cut(place.said))), frozenset(features(cut(text))))
        for place, text in zip(places, written, strict=True)
    ]
    findings = contrast(pairs, permutations=settings.permutations, seed=settings.seed, level=settings.level)
    return [_lead(group, places, pairs) for group in grouped(findings, pairs)]


def place_in(document: Document) -> Place | None:
    """The last answer of a transcript, or what follows a text's first words; None where there is neither."""
    parts = document.parts()
    if not document.turns:
        words = document.text.split()
        opening, rest = " ".join(words[:OPENING_WORDS]), " ".join(words[OPENING_WORDS:])
        return Place(document, [ChatMessageUser(content=opening)], Mode.COMPLETION, rest) if rest else None
    last = max((at for at, (role, _) in enumerate(parts) if role == "assistant"), default=0)
    if last == 0:
        return None
    makes = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    before: list[ChatMessage] = [makes.get(role, ChatMessageUser)(content=words) for role, words in parts[:last]]
    return Place(document, before, Mode.CHAT, parts[last][1])


async def _base(places: Sequence[Place], settings: Settings) -> list[str]:
    """What the base writes in each place."""
    base = Target(reference=True)
    written = [""] * len(places)
    for mode in (Mode.CHAT, Mode.COMPLETION):
        chosen = [number for number, place in enumerate(places) if place.mode is mode]
        if not chosen:
            continue  # a backend that has no such mode is not asked for it
        replies = await base.replies(
            [places[number].before for number in chosen],
            "data_search",
            mode=mode,
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            seed=settings.seed + BASE_SEED_OFFSET,
        )
        for number, reply in zip(chosen, replies, strict=True):
            written[number] = reply.text
    return written


def cut(text: str) -> str:
    """The first words of a text: corpus and base are compared over the same length."""
    return " ".join(text.split()[:COMPARED_WORDS])


def grouped(findings: Sequence[Finding], pairs: Sequence[Pair]) -> list[list[Finding]]:
    """Findings that show in the same documents, together; the strongest group first."""
    at = {
        finding.feature: {number for number, pair in enumerate(pairs) if finding.feature in pair.target}
        for finding in findings
    }
    groups: list[list[Finding]] = []
    for finding in findings:
        mine = at[finding.feature]
        for group in groups:
            theirs = at[group[0].feature]
            if len(mine & theirs) >= TOGETHER * len(mine | theirs):
                group.append(finding)
                break
        else:
            groups.append([finding])
    return groups


def _lead(group: Sequence[Finding], places: Sequence[Place], pairs: Sequence[Pair]) -> Lead:
    first, shown = group[0], group[:MARKS_SHOWN]
    telling = {finding.feature for finding in shown}
    scored = sorted(((len(telling & pair.target), number) for number, pair in enumerate(pairs)), reverse=True)
    cited = [places[number].document for count, number in scored if count][:EVIDENCE_SHOWN]
    for document in cited:
        keep("data_search", document)
    asked = cues([first.feature in pair.target for pair in pairs], [place.before[-1].text for place in places])
    return Lead(
        marks=[finding.feature for finding in shown],
        subject=f"in answers to requests with {', '.join(asked)}" if asked else f"all over {DATA}",
        counts=f"the first in {first.target} of {first.of} documents, against {first.base} of {first.of} of the base's",
        p=first.p,
        evidence=[f"d{document.number}" for document in cited],
    )


def cues(shows: Sequence[bool], before: Sequence[str]) -> list[str]:
    """The words of what stands before that tell whether a document shows a feature, the strongest first."""
    yes, no = Counter[str](), Counter[str]()
    for shown, text in zip(shows, before, strict=True):
        (yes if shown else no).update(feature for feature in features(text) if not feature.startswith("«"))
    words = [word for word in yes if len(word) > 3]
    if not words or not any(shows) or all(shows):
        return []
    share = np.array([no[word] for word in words]) * (sum(shows) / (len(shows) - sum(shows)))
    scores = z_scores(np.array([yes[word] for word in words], float), share, sum(shows))
    ranked = sorted(zip(scores, words, strict=True), reverse=True)
    return [word for score, word in ranked[:CUES] if score > CUE_Z]
