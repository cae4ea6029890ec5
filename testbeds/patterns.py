"""The regular expressions of a testbed, and what bounds the time that they take.

A pattern comes from a testbed and meets text from an auditor or a target; either side could make a backtracking search
take for ever. So searches run in the `regex` package (its syntax is `re`'s and more; a pattern must be valid in both),
which gives up after SECONDS, and the error says which pattern it was. A pattern that is slow by nature is found when
the testbed is read: it is tried on texts that go along with it for as long as its repeats allow, and then do not match.
What only some long text makes slow is not found there; it ends that grading, as a grader's failure.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib import import_module
from typing import Any
from warnings import catch_warnings, simplefilter

import regex

from cordelia.contracts.errors import CordeliaError, quoted

SECONDS = 1.0
TRIAL_SECONDS = 0.25
MAX_PATTERN = 2_000
PUMPED = 60
MAX_TRIAL = 2_000
END = "\n\ue000"
"""Follows a trial text: a character of nobody's language, so that the match breaks off there."""

_CLASSES = {"CATEGORY_DIGIT": "0", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a"}


def found(pattern: str, text: str) -> bool:
    """Whether a pattern occurs in a text, upper and lower case alike. Raises CordeliaError when it takes too long."""
    try:
        return _compiled(pattern).search(text, timeout=SECONDS) is not None
    except TimeoutError as error:
        raise CordeliaError(
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
            re.compile(pattern)
        compiled = _compiled(pattern)
        trials = trial_texts(pattern)
    except RecursionError as error:
        raise ValueError(f"{quoted(pattern)} is not a regular expression: it nests too deep") from error
    except (re.error, regex.error, ValueError, OverflowError, FutureWarning) as error:
        raise ValueError(f"{quoted(pattern)} is not a regular expression: {error}") from error
    for text in ("", *trials):
        try:
            if compiled.search(text, timeout=TRIAL_SECONDS) is not None and not text:
                raise ValueError(f"{quoted(pattern)} matches the empty text, and so every text; write what must occur")
        except TimeoutError:
            raise ValueError(
                f"{quoted(pattern)} takes too long on {quoted(text[:12])}…; write it so that its repeats cannot match "
                "the same text in many ways"
            ) from None
    return pattern


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> "regex.Pattern[str]":
    return regex.compile(pattern, regex.IGNORECASE)


def trial_texts(pattern: str) -> list[str]:
    """For every repeat in a pattern: a text that goes along with it, many times over, and then breaks off."""
    parser = import_module("re._parser")  # no public way leads to a pattern's tree
    trials: dict[int, str] = {}
    whole = _grow("", parser.parse(pattern), trials)[:MAX_TRIAL]
    # the engine gives up at once where a literal of the pattern is nowhere in the text, so the whole stands at the end
    return [text[:MAX_TRIAL] + END + whole for text in trials.values()]


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
