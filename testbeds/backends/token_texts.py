"""Tokens as they are written: one token's text at a time, each looked up once."""

from collections.abc import Iterable, Sequence
from typing import Protocol


class Decodes(Protocol):
    """The part of a transformers tokenizer that is needed."""

    def decode(self, token_ids: list[int]) -> str: ...


class TokenTexts:
    """The texts of a tokenizer's tokens."""

    def __init__(self, tokenizer: Decodes) -> None:
        self._tokenizer = tokenizer
        self._known: dict[int, str] = {}

    def __call__(self, tokens: Iterable[int]) -> list[str]:
        """Each token's text; half of a character is written as U+FFFD."""
        return [self._word(int(token)) for token in tokens]

    def ranked(self, tokens: Iterable[int], values: Sequence[float]) -> dict[str, float]:
        """Texts with their values, in the given order. Of tokens that are written alike, the first stays."""
        found: dict[str, float] = {}
        for word, value in zip(self(tokens), values, strict=True):
            found.setdefault(word, float(value))
        return found

    def _word(self, token: int) -> str:
        if token not in self._known:
            self._known[token] = self._tokenizer.decode([token])
        return self._known[token]
