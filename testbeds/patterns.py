"""The regular expressions of a testbed, and what bounds the time and the memory that they take.

A pattern comes from a testbed and meets text from an auditor or a target; either side could make a backtracking search
take for ever. So searches run in the `regex` package (its syntax is `re`'s and more; a pattern must be valid in both),
which gives up after SECONDS, and the error says which pattern it was. A pattern that is slow by nature is found when
the testbed is read: it is tried on texts that go along with it for as long as its repeats allow, and then do not match.
What only some long text makes slow is not found there; it ends that grading, as a grader's failure. Memory is what
repeats cost that count: `regex` writes some of them out while it compiles, so how long a pattern would be without them
is bounded before it is compiled.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol
from warnings import catch_warnings, simplefilter

import regex

from cordelia.contracts.errors import CordeliaError, quoted

SECONDS = 1.0
TRIAL_SECONDS = 0.25
MAX_PATTERN = 2_000
MAX_PARTS = 10_000
"""Of a pattern whose counted repeats are written out: a{3} is three parts."""
PUMPED = 60
MAX_TRIAL = 2_000
END = "\n\ue000"
"""Follows a trial text: a character of nobody's language, so that the match breaks off there."""

ORDINARY = ("Yes, it rains.", "good luck", "two cups")
"""Texts that have nothing to do with each other, and no letter in common: what is in all of them says nothing."""

_CLASSES = {"CATEGORY_DIGIT": "0", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a"}


class SlowPatternError(CordeliaError):
    """A pattern took too long on a text."""


def found(pattern: str, text: str) -> bool:
    """Whether a pattern occurs in a text, upper and lower case alike. Raises SlowPatternError: it takes too long."""
    return _ended(_compiled(pattern).search, pattern, text)


def whole(pattern: str, text: str) -> bool:
    """Whether a pattern is all of a text, upper and lower case told apart. Raises SlowPatternError."""
    return _ended(_exact(pattern).fullmatch, pattern, text)


class _Matching(Protocol):
    def __call__(self, string: str, *, timeout: float) -> object: ...


def _ended(match: _Matching, pattern: str, text: str) -> bool:
    try:
        return match(text, timeout=SECONDS) is not None
    except TimeoutError as error:
        raise SlowPatternError(
            f"The pattern {quoted(pattern)} took more than {SECONDS:g} s on a text of {len(text):,} characters; "
            "write it so that its repeats cannot match the same text in many ways."
        ) from error


@lru_cache(maxsize=4096)  # a testbed is read many times in a run
def check_pattern(pattern: str) -> str:
    """The pattern itself, if it can be used. Raises ValueError with the reason."""
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"a pattern of {len(pattern):,} characters; {MAX_PATTERN:,} are enough")
    try:
        with catch_warnings():
            simplefilter("error", FutureWarning)  # such as [[, which is to mean something else one day
            _check_parts(pattern)
            re.compile(pattern)
        _check_braces(pattern)
        compiled = _compiled(pattern)
        trials = trial_texts(pattern)
    except RecursionError as error:
        raise ValueError(f"{quoted(pattern)} is not a regular expression: it nests too deep") from error
    except MemoryError:
        raise ValueError(f"{quoted(pattern)} needs too much memory; write it with fewer repeats") from None
    except _RefusedError:
        raise
    except (re.error, regex.error, ValueError, OverflowError, FutureWarning) as error:
        raise ValueError(f"{quoted(pattern)} is not a regular expression: {error}") from error
    if _is_in(compiled, ""):
        raise ValueError(f"{quoted(pattern)} matches the empty text, and so every text; write what must occur")
    if all(_is_in(compiled, text) for text in ORDINARY):
        raise ValueError(
            f"{quoted(pattern)} matches texts that have nothing to do with each other, such as {quoted(ORDINARY[0])} "
            f"and {quoted(ORDINARY[1])}; write what must occur"
        )
    for text in trials:
        _is_in(compiled, text)
    return pattern


def _is_in(compiled: "regex.Pattern[str]", text: str) -> bool:
    """Whether a pattern occurs in a trial text. Raises ValueError when that takes too long."""
    try:
        return compiled.search(text, timeout=TRIAL_SECONDS) is not None
    except TimeoutError:
        raise ValueError(
            f"{quoted(compiled.pattern)} takes too long on {quoted(text[:12])}…; write it so that its repeats cannot "
            "match the same text in many ways"
        ) from None


class _RefusedError(ValueError):
    """A regular expression that is one, and is not taken."""


def _check_parts(pattern: str) -> None:
    """Refuse counted repeats that are long when they are written out. Raises ValueError."""
    parts = _parts(_tree(pattern))
    if parts > MAX_PARTS:
        shown = f"{parts:,}" if parts < 10**12 else "very many"
        raise _RefusedError(
            f"{quoted(pattern)} has {shown} parts when its repeats are written out, and {MAX_PARTS:,} are enough; "
            "write smaller numbers, or * and + for {}"
        )


def _parts(items: Iterable[tuple[object, Any]]) -> int:
    """How many nodes of re's parser there would be without counted repeats."""
    total = 0
    for opcode, argument in items:
        kind = str(opcode)
        if kind.endswith("REPEAT"):
            low, high, body = argument
            total += max(1, low if str(high) == "MAXREPEAT" else high) * max(1, _parts(body))
        elif kind == "BRANCH":
            total += sum(_parts(one) for one in argument[1])
        elif kind in {"SUBPATTERN", "ATOMIC_GROUP"}:
            total += _parts(argument[-1] if kind == "SUBPATTERN" else argument)
        elif kind in {"ASSERT", "ASSERT_NOT"}:
            total += _parts(argument[1])
        elif kind == "GROUPREF_EXISTS":
            total += sum(_parts(one) for one in argument[1:] if one)
        else:
            total += 1
    return total


_BRACE = re.compile(r"\\N\{[^}]*\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(?:\d+(?:,\d*)?|,\d+)\}|(\{)", re.DOTALL)
"""What may have a brace in it: an escape, a class, a counted repeat; or a brace alone, in the group."""


def _check_braces(pattern: str) -> None:
    """Refuse a brace that is no repeat: to `re` it is a letter, to `regex` {e<=3} allows for three errors."""
    if any(found[1] for found in _BRACE.finditer(pattern)):
        raise _RefusedError(
            f"{quoted(pattern)} has a brace that counts nothing, as {{3}} would; write \\{{ for a brace"
        )


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> "regex.Pattern[str]":
    return regex.compile(pattern, regex.IGNORECASE)


@lru_cache(maxsize=256)
def _exact(pattern: str) -> "regex.Pattern[str]":
    return regex.compile(pattern)


def trial_texts(pattern: str) -> list[str]:
    """For every repeat in a pattern: a text that goes along with it, many times over, and then breaks off."""
    trials: dict[int, str] = {}
    whole = _grow("", _tree(pattern), trials)[:MAX_TRIAL]
    # the engine gives up at once where a literal of the pattern is nowhere in the text, so the whole stands at the end
    return [text[:MAX_TRIAL] + END + whole for text in trials.values()]


def _tree(pattern: str) -> Iterable[tuple[object, Any]]:
    """What re's parser makes of a pattern. No public way leads there."""
    tree: Iterable[tuple[object, Any]] = import_module("re._parser").parse(pattern)
    return tree


def _grow(text: str, items: Iterable[tuple[object, Any]], trials: dict[int, str]) -> str:
    """`text` and what `items`, nodes of re's parser, may match after it. Leaves a text in `trials` for each repeat."""
    for opcode, argument in items:
        kind = str(opcode)
        if len(text) > MAX_TRIAL:
            break
        if kind.endswith("REPEAT"):
            low, high, body = argument
            for _ in range(min(int(high), max(low, PUMPED))):
                longer = _grow(text, body, trials)
                if longer == text or len(text) > MAX_TRIAL:
                    break
                text = longer
            trials[id(body)] = text
        elif kind in {"SUBPATTERN", "ATOMIC_GROUP"}:
            text = _grow(text, argument[-1] if kind == "SUBPATTERN" else argument, trials)
        elif kind == "BRANCH":
            alternatives = [_grow(text, one, trials) for one in argument[1]]
            text = alternatives[0]
        elif kind in {"ASSERT", "ASSERT_NOT"}:
            _grow(text, argument[1], trials)
        else:
            text += _character(kind, argument)
    return text


def _character(kind: str, argument: Any) -> str:
    """A character that a node matches; nothing for a node that has none of its own."""
    if kind == "LITERAL":
        return chr(argument)
    if kind == "IN" and str(argument[0][0]) != "NEGATE":
        first, value = argument[0]
        return _CLASSES.get(str(value), "!") if str(first) == "CATEGORY" else _character("LITERAL", _low(value))
    if kind in {"ANY", "IN", "NOT_LITERAL"}:
        return "b" if argument == ord("a") else "a"
    return ""


def _low(value: "int | tuple[int, int]") -> int:
    return value if isinstance(value, int) else value[0]
