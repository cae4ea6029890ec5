"""The parts of a query: words, phrases, beginnings and operators, and how what could mean something else was read.

Other search boxes give a meaning to signs and small words that have none here. What has an equal is read as that; what
has none, and would find something else if it were passed over, is refused; the rest is read as plain words, with a note
in the answer that says so.
"""

import re
import unicodedata
from dataclasses import dataclass

from cordelia.contracts.errors import CordeliaError, printable, quoted

MOST_SHOWN = 80
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»＂", '"'))
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<near>NEAR\s*/?\s*\d*\s*\()
    |(?P<open>\()
    |(?P<close>\))
    |(?P<comma>,)
    |(?P<bar>\|+)
    |(?P<minus>(?<![^\s(|])[-−–](?=[^\s()|,−–-]|\())
    |"(?P<phrase>[^"]*)"(?P<phrase_star>\*?)
    |(?P<quote>")
    |(?P<word>[^\s()",|]+)""",
    re.VERBOSE,
)
_FILTER = re.compile(r"\{.*|\w+:|\w+:\S.*")
_NEAR = re.compile(r"NEAR|NEAR/\d*", re.IGNORECASE)
_FAR = re.compile(r"~\d*")
_SIGNS = set("^+!~?&=<>#$%/\\[]{}")
"""Signs that are operators somewhere, or change what a word is."""
_TIPS = {
    "!": " To leave documents out write -word.",
    "+": " All words must be there anyway.",
    "^": " Where a word stands in a document cannot be asked.",
    "~": " Words near each other: NEAR(wool coat, 5).",
}


class QueryError(CordeliaError):
    """A query that cannot be meant. The message says what is wrong and what to write instead."""


@dataclass(frozen=True)
class Term:
    """One part of a query.

    Attributes:
        kind: word, phrase, prefix (the beginning of a word, or of a phrase's last word), operator, near, open, close,
            comma, bar or minus.
        text: as it was written, without the quotes of a phrase and the star of a beginning.
    """

    kind: str
    text: str


def terms_of(query: str) -> tuple[list[Term], list[str]]:
    """The parts of a query, and notes on those that might have meant something else.

    Raises:
        QueryError: a quote that is not closed, a column filter, or an operator of another search engine that would
            find something else if it were read as words.
    """
    text = query.translate(_QUOTES)
    found: list[Term] = []
    notes: list[str] = []
    for match in _TOKEN.finditer(text):
        kind, part = str(match.lastgroup), match.group()
        if kind == "space":
            continue
        if kind == "quote":
            raise QueryError(
                f'A quote is opened and not closed: {quoted(text[match.start() :])}. Close it ("wool coat"), or leave '
                "it out."
            )
        if match["phrase"] is not None:
            found.append(Term("prefix" if match["phrase_star"] else "phrase", match["phrase"]))
            if "*" in match["phrase"]:
                notes.append(f"in {quoted(match['phrase'])} the * was read over: inside quotes it stands for nothing.")
        elif kind == "word":
            found.append(_word(part))
            notes += _read_as(found[-1], text[match.end() :])
        else:
            found.append(Term(kind, part))
    return found, list(dict.fromkeys([*notes, *_single_quotes(found)]))


def searched(text: str) -> bool:
    """Whether a term has anything that the index knows: a letter or a digit."""
    return any(unicodedata.category(char)[0] in "LN" for char in text)


def _word(text: str) -> Term:
    if text in {"AND", "OR", "NOT"}:
        return Term("operator", text)
    if text == "NEAR" or (_NEAR.fullmatch(text) and "/" in text):
        raise QueryError(
            'NEAR takes words in parentheses: NEAR(wool coat, 10), or in quotes for the word itself: "near".'
        )
    if _FAR.fullmatch(text):
        raise QueryError(f"{quoted(text)} has no meaning here. For words near each other write NEAR(wool coat, 5).")
    if _FILTER.fullmatch(text):
        raise QueryError(
            f"{quoted(text)} looks like a filter by column, and documents have none. For these very characters write "
            f'"{text}", in quotes.'
        )
    stem = text.rstrip("*")
    if "*" in stem:
        raise QueryError(
            f"In {quoted(text)} a * stands before the end. Only beginnings can be searched: wool*. For these very "
            "characters use quotes."
        )
    return Term("prefix", stem) if stem and stem != text else Term("word", text)


def _read_as(term: Term, after: str) -> list[str]:
    """A note where a word, or a sign in it, is an operator elsewhere; at most one."""
    if term.kind == "operator" or not searched(term.text):
        return []
    if (name := term.text.upper()) in {"AND", "OR", "NOT"}:
        return [f"{quoted(term.text)} was read as a word; for the operator write {name}."]
    if name == "NEAR" and after.lstrip().startswith("("):
        return [f"{quoted(term.text)} was read as a word; write NEAR(wool coat, 10)."]
    body = term.text.rstrip("?!.;:")
    if not (set(body) & _SIGNS or body[0] in "-−–"):
        return []
    words = printable(" ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFC", body))), MOST_SHOWN)
    read = f'the phrase "{words}"' if " " in words else f"the word {words}"
    beginning = "*" if term.kind == "prefix" else ""
    return [f"{quoted(term.text + beginning)} was read as {read}{beginning}.{_TIPS.get(term.text[0], '')}"]


def _single_quotes(terms: list[Term]) -> list[str]:
    words = [term.text for term in terms if term.kind == "word"]
    opened = next((place for place, word in enumerate(words) if word[0] in "'‘" and word[-1] not in "'’"), None)
    if opened is None or not any(word[-1] in "'’" for word in words[opened:]):
        return []
    return ['single quotes were read over; a phrase stands in double ones: "wool coat".']
