"""The query language of keyword search, which is all of this:

| write | find documents with |
|---|---|
| `wool coat`, `wool AND coat` | both |
| `"wool coat"`, also in curly quotes | the phrase |
| `wool OR coat` | at least one; binds loosest |
| `wool|silk coat` | (wool OR silk) and coat: the bar binds what stands beside it |
| `coat NOT wool`, `coat AND NOT wool`, `coat -wool`, `-wool coat` | coat and no wool |
| `wool*`, `"wool coa"*` | words that begin so |
| `NEAR(wool coat, 10)` | both, with at most so many words between |
| `(wool OR silk) coat` | parentheses group |

Operators are in capitals. Capitals, accents and signs inside words are read over, and the parts of a word with signs
in it stand side by side, as in a phrase. A query is read here and written anew as an FTS5 expression in which every
word is quoted, so whatever an auditor writes either means what it looks like, or comes with a note on how it was read
(`or`, `+wool`, `^wool`, `!wool`, `C++`), or is refused with what to write (`NEAR/5`, `w*l`, `~5`, `text:wool`). SQLite
never sees a query that it could refuse, a column filter, or a word that its tokeniser would drop.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from cordelia.contracts.errors import quoted
from cordelia.testbeds.corpora.terms import QueryError, Term, searched, terms_of

MOST_CHARACTERS = 1_000
MOST_WORDS = 64
DEEPEST = 12
NEAREST, FARTHEST = 10, 1_000


@dataclass(frozen=True)
class Query:
    """A query that was understood.

    Attributes:
        match: the FTS5 expression.
        notes: how parts were read that might have meant something else; a sentence each.
    """

    match: str
    notes: list[str]


def read_query(query: str) -> Query:
    """What a query means.

    Raises:
        QueryError: it is empty, too long, has unbalanced quotes or parentheses, an operator without its words, a column
            filter, a word without a letter or digit, nothing to find, or a sign that means nothing here.
    """
    if len(query) > MOST_CHARACTERS:
        raise QueryError(
            f"This query has {len(query):,} characters; at most {MOST_CHARACTERS:,}. Search for the few words that "
            "matter, or for one telling phrase in quotes."
        )
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t\r" for char in query):
        raise QueryError("This query has control characters in it. Write the words alone.")
    terms, notes = terms_of(query)
    if not terms:
        raise QueryError('This query is empty. Write words (wool coat), or a phrase in quotes: "wool coat".')
    if sum(term.kind in {"word", "phrase", "prefix"} for term in terms) > MOST_WORDS:
        raise QueryError(f"This query has more than {MOST_WORDS} words. Search for the few that matter.")
    return Query(_Parser(terms).whole(), notes)


class _Parser:
    """Recursive descent; OR binds loosest, then AND (or nothing between words) with NOT and -, then the bar."""

    def __init__(self, terms: list[Term]) -> None:
        self._terms = terms
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
    def _next(self) -> Term | None:
        return self._terms[self._at] if self._at < len(self._terms) else None

    def _is(self, kind: str, text: str | None = None) -> bool:
        term = self._next
        return term is not None and term.kind == kind and (text is None or term.text == text)

    def _either(self) -> str:
        parts = [self._both()]
        while self._is("operator", "OR"):
            self._at += 1
            parts.append(self._both())
        return _joined(" OR ", parts)

    def _both(self) -> str:
        parts: list[str] = []
        left_out: list[str] = []
        while not self._ends():
            begun = bool(parts or left_out)
            if begun and self._is("operator", "AND"):
                self._at += 1
            if self._is("minus") or (begun and self._is("operator", "NOT")):
                self._at += 1
                left_out.append(self._beside())
            else:
                parts.append(self._beside())
        if left_out and not parts:
            raise QueryError("This only leaves documents out. Write too what they must have: coat -wool.")
        made = _joined(" AND ", parts or [self._one()])
        return f"({made} NOT {_joined(' OR ', left_out)})" if left_out else made

    def _ends(self) -> bool:
        return self._next is None or self._is("operator", "OR") or self._next.kind in {"close", "comma"}

    def _beside(self) -> str:
        parts = [self._one()]
        while self._is("bar"):
            self._at += 1
            parts.append(self._one())
        return _joined(" OR ", parts)

    def _one(self) -> str:
        term = self._next
        if term is None or term.kind in {"operator", "close", "comma", "bar", "minus"}:
            raise QueryError(
                f"A word or a phrase is missing {f'before {term.text}' if term else 'at the end'}. AND, OR and NOT "
                'stand between words: coat NOT wool. To search for such a word itself, put it in quotes: "or".'
            )
        self._at += 1
        if term.kind == "open":
            return self._inside()
        if term.kind == "near":
            return self._near(term)
        return _quoted(term)

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

    def _near(self, term: Term) -> str:
        distance = int("".join(c for c in term.text if c.isdecimal())[:6] or NEAREST)
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


def _joined(operator: str, parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"({operator.join(parts)})"


def _quoted(term: Term) -> str:
    if not searched(term.text):
        raise QueryError(
            f"{quoted(term.text)} has no letter and no digit. Only words are searched; signs between them "
            "are read over. Leave it out."
        )
    text = term.text.replace('"', " ")
    return f'"{text}"*' if term.kind == "prefix" else f'"{text}"'
