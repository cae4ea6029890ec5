"""The query language of keyword search: words, "phrases", AND, OR, NOT, NEAR(…), beginnings*, parentheses.

A query is read here and written anew as an FTS5 expression in which every word is quoted, so whatever an auditor writes
either means what it looks like or is refused with what to write. SQLite never sees a query that it could refuse, a
column filter, or a word that its tokeniser would drop.
"""

import re
import unicodedata
from dataclasses import dataclass

from cordelia.contracts.errors import CordeliaError, quoted

MOST_CHARACTERS = 1_000
MOST_WORDS = 64
DEEPEST = 12
NEAREST, FARTHEST = 10, 1_000
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<near>NEAR\s*/?\s*\d*\s*\()
    |(?P<open>\()
    |(?P<close>\))
    |(?P<comma>,)
    |"(?P<phrase>[^"]*)"(?P<phrase_star>\*?)
    |(?P<quote>")
    |(?P<word>[^\s()",]+)""",
    re.VERBOSE,
)
_FILTER = re.compile(r"-?\{.*|-?\w+:|\w+:\S.*")


class QueryError(CordeliaError):
    """A query that cannot be meant. The message says what is wrong and what to write instead."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def read_query(query: str) -> str:
    """The FTS5 expression of a query.

    Raises:
        QueryError: it is empty, too long, has unbalanced quotes or parentheses, an operator without its words, a column
            filter, or a word without a letter or digit.
    """
    if len(query) > MOST_CHARACTERS:
        raise QueryError(
            f"This query has {len(query):,} characters; at most {MOST_CHARACTERS:,}. Search for the few words that "
            "matter, or for one telling phrase in quotes."
        )
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t\r" for char in query):
        raise QueryError("This query has control characters in it. Write the words alone.")
    tokens = _tokens(query)
    if not tokens:
        raise QueryError('This query is empty. Write words (wool coat), or a phrase in quotes: "wool coat".')
    if sum(token.kind in {"word", "phrase", "prefix"} for token in tokens) > MOST_WORDS:
        raise QueryError(f"This query has more than {MOST_WORDS} words. Search for the few that matter.")
    return _Parser(tokens).whole()


def _tokens(query: str) -> list[_Token]:
    found = []
    for match in _TOKEN.finditer(query):
        kind, text = str(match.lastgroup), match.group()
        if kind == "space":
            continue
        if kind == "quote":
            raise QueryError(
                f'A quote is opened and not closed: {quoted(query[match.start() :])}. Close it ("wool coat"), or leave '
                "it out."
            )
        if match["phrase"] is not None:
            found.append(_Token("prefix" if match["phrase_star"] else "phrase", match["phrase"]))
        elif kind == "word":
            found.append(_word(text))
        else:
            found.append(_Token(kind, text))
    return found


def _word(text: str) -> _Token:
    if text in {"AND", "OR", "NOT"}:
        return _Token("operator", text)
    if text == "NEAR":
        raise QueryError('NEAR takes words in parentheses: NEAR(wool coat, 10), or in quotes for the word: "near".')
    if _FILTER.fullmatch(text):
        raise QueryError(
            f"{quoted(text)} looks like a filter by column, and documents have none. For these very characters write "
            f'"{text.replace(chr(34), "")}", in quotes.'
        )
    return _Token("prefix", text.rstrip("*")) if text.endswith("*") and text.strip("*") else _Token("word", text)


class _Parser:
    """Recursive descent; OR binds loosest, then AND (also where there is nothing between words), then NOT."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> str:
        made = self._either()
        if self._next is not None:  # only a parenthesis or a comma ends an expression early
            raise QueryError(
                "There is a ')' too many." if self._next.kind == "close" else
                'A comma stands alone. Leave it out, or put the words in quotes: "wool, coat".'
            )  # fmt: skip
        return made

    @property
    def _next(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _is(self, kind: str, text: str | None = None) -> bool:
        token = self._next
        return token is not None and token.kind == kind and (text is None or token.text == text)

    def _either(self) -> str:
        parts = [self._both()]
        while self._is("operator", "OR"):
            self._at += 1
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"

    def _both(self) -> str:
        parts = [self._without()]
        while self._next is not None and not self._is("operator", "OR") and self._next.kind not in {"close", "comma"}:
            if self._is("operator", "AND"):
                self._at += 1
            parts.append(self._without())
        return parts[0] if len(parts) == 1 else f"({' AND '.join(parts)})"

    def _without(self) -> str:
        made = self._one()
        while self._is("operator", "NOT"):
            self._at += 1
            made = f"({made} NOT {self._one()})"
        return made

    def _one(self) -> str:
        token = self._next
        if token is None or token.kind in {"operator", "close", "comma"}:
            raise QueryError(
                f"A word or a phrase is missing {f'before {token.text}' if token else 'at the end'}. AND, OR and NOT "
                'stand between words: coat NOT wool. To search for such a word itself, put it in quotes: "or".'
            )
        self._at += 1
        if token.kind == "open":
            return self._inside()
        if token.kind == "near":
            return self._near(token)
        return _quoted(token)

    def _inside(self) -> str:
        self._depth += 1
        if self._depth > DEEPEST:
            raise QueryError(f"Parentheses nest more than {DEEPEST} deep. Write a simpler query.")
        made = self._either()
        if not self._is("close"):
            raise QueryError("A '(' is opened and not closed. Close it, or put it in quotes to search for words.")
        self._at += 1
        self._depth -= 1
        return made

    def _near(self, token: _Token) -> str:
        distance = int("".join(c for c in token.text if c.isdecimal())[:6] or NEAREST)
        words = []
        while self._next is not None and self._next.kind in {"word", "phrase", "prefix"}:
            words.append(_quoted(self._next))
            self._at += 1
        if self._is("comma"):
            self._at += 1
            if self._next is None or not self._next.text.isdecimal():
                raise QueryError("After the comma NEAR takes a number of words: NEAR(wool coat, 10).")
            distance = int(self._next.text[:6])
            self._at += 1
        if not self._is("close") or len(words) < 2:
            raise QueryError(
                "NEAR takes two or more words or phrases, without AND or OR, and maybe a distance: NEAR(wool coat, 10)."
            )
        self._at += 1
        return f"NEAR({' '.join(words)}, {min(distance, FARTHEST)})"


def _quoted(token: _Token) -> str:
    if not any(unicodedata.category(char)[0] in "LN" for char in token.text):
        raise QueryError(
            f"{quoted(token.text)} has no letter and no digit. Only words are searched; signs between them "
            "are read over."
        )
    text = token.text.replace('"', " ")
    return f'"{text}"*' if token.kind == "prefix" else f'"{text}"'
