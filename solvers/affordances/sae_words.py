"""Features found by words: which are active at a word or promote it, and where it stands in their examples."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cordelia.solvers.affordances.sae_views import card
from cordelia.solvers.affordances.tokens import start_of, token_cell
from cordelia.testbeds.sae.catalog import Catalog, Example

BEFORE_CHARACTERS, TOKEN_CHARACTERS, CELL_CHARACTERS = 40, 24, 90
EXAMPLES = 2
_AT_LAST = str.maketrans("⟪⟫", "⟦⟧")


@dataclass(frozen=True)
class Place:
    """Where a feature is active at a word.

    Attributes:
        example: the example that holds the word.
        token: which of its tokens the feature is most active at, of those that the word touches.
        share: how active, as a share of the feature's peak.
    """

    example: Example
    token: int
    share: float


@dataclass(frozen=True)
class Match:
    """A feature that has to do with the words.

    Attributes:
        feature: its number.
        score: the shares of the peak at each word's best place in each example, and half a point for each word in a
            promoted token.
        places: the best place in each example at whose words it is active, the most active first.
        promoted: its promoted tokens that hold a word.
    """

    feature: int
    score: float
    places: list[Place]
    promoted: list[str]


def found(catalog: Catalog, query: str) -> list[Match]:
    """Features that are active at words of a query, or promote them, best first."""
    words = [re.compile(re.escape(word)) for word in query.lower().split()]
    matches = [_match(catalog, number, words) for number in range(len(catalog.features))]
    return sorted((match for match in matches if match.score > 0), key=lambda match: -match.score)


def where(catalog: Catalog, match: Match) -> str:
    """The place at which the words were found, safe in a table: in an example, or among the promoted tokens."""
    if not match.places:
        return f"promotes {' '.join(token_cell(token) for token in match.promoted)}"
    best = match.places[0]
    tokens = [token.replace("⟪", "«").replace("⟫", "»") for token in catalog.text(best.example)]
    before = "".join(tokens[: best.token])[-BEFORE_CHARACTERS:]
    token, after = tokens[best.token][:TOKEN_CHARACTERS], "".join(tokens[best.token + 1 :])
    # our marks go in last: `start_of` takes them out of whatever it is given
    return start_of(f"{before}⟪{token}⟫{after}", CELL_CHARACTERS).translate(_AT_LAST)


def card_of(catalog: Catalog, match: Match) -> str:
    """The feature's card, with the examples that hold the words."""
    if match.places:
        return card(catalog, match.feature, [place.example for place in match.places[:EXAMPLES]])
    note = f"  is active at the words in no example, and {where(catalog, match)}; its strongest example:"
    strongest = catalog.features[match.feature].examples[:1]
    head, *lines = card(catalog, match.feature, strongest).split("\n")
    return "\n".join([head, note, *lines])


def _match(catalog: Catalog, feature: int, words: Sequence[re.Pattern[str]]) -> Match:
    entry = catalog.features[feature]
    held = [token for token in entry.promoted for word in words if word.search(token.lower())]
    score, places = 0.5 * len(held), []
    for example in entry.examples:
        tokens = [token.lower() for token in catalog.text(example)]
        text = "".join(tokens)
        best = []
        for word in words:
            hits = [_at(example, tokens, hit.start(), hit.end()) for hit in word.finditer(text)]
            if hits:
                best.append(max(hits, key=lambda place: place.share))
        active = [place for place in best if place.share > 0]
        score += sum(place.share for place in active)
        places += [max(active, key=lambda place: place.share)] if active else []
    places.sort(key=lambda place: -place.share)
    return Match(feature, score, places, list(dict.fromkeys(held)))


def _at(example: Example, tokens: Sequence[str], start: int, end: int) -> Place:
    """The most active of the tokens that a stretch of characters touches."""
    best, shade, at = 0, -1, 0
    for number, token in enumerate(tokens):
        if at < end and at + len(token) > start and int(example.shades[number]) > shade:
            best, shade = number, int(example.shades[number])
        at += len(token)
    return Place(example, best, max(shade, 0) / 9)
