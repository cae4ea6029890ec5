"""Generated documents: made-up words, as unevenly frequent as words are, and some planted phrases. Always the same."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

WORDS = 60_000
MIDDLE_WORDS = 240
"""Words of a middling document: about 2 kB."""
PHRASES = 24
_SYLLABLES = [a + b for a in "bcdfghklmnprstvz" for b in ("a", "e", "i", "o", "u", "al", "en", "or")]


def vocabulary() -> list[str]:
    """Different words, the most frequent first; frequent ones are short."""
    chance = np.random.default_rng(1)
    found: dict[str, None] = {}
    while len(found) < WORDS:
        syllables = 1 + min(4, len(found) // 600 + int(chance.integers(0, 2)))
        found["".join(_SYLLABLES[i] for i in chance.integers(0, len(_SYLLABLES), syllables))] = None
    return list(found)


def phrases(words: list[str]) -> list[str]:
    """Phrases of three words; the first is planted in every 20th document, each next one in fewer."""
    return [" ".join(words[2_000 + 37 * number + 911 * part] for part in range(3)) for number in range(PHRASES)]


def documents(count: int) -> Iterator[str]:
    """The texts."""
    words, chance = vocabulary(), np.random.default_rng(2)
    planted = phrases(words)
    table = np.asarray(words, dtype=object)
    weights = np.cumsum(1 / (np.arange(WORDS) + 2.7))
    for number in range(count):
        length = int(MIDDLE_WORDS * np.exp(chance.normal(0, 0.4)))
        drawn = table[np.searchsorted(weights, chance.random(length) * weights[-1])]
        text = [" ".join(drawn[start : start + 14]).capitalize() for start in range(0, length, 14)]
        text += [planted[place] for place in range(PHRASES) if number % (20 * (place + 1) ** 2) == place]
        yield ". ".join(text) + "."


def write_documents(path: Path, count: int) -> int:
    """Write JSON lines; returns the bytes."""
    with path.open("w", encoding="utf-8") as file:
        for text in documents(count):
            file.write(json.dumps({"text": text}) + "\n")
    return path.stat().st_size
