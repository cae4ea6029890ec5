"""Patterns are bounded in time: what is slow by nature is refused when it is read, what a text makes slow ends."""

import re
import time
from pathlib import Path

import pytest

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds import patterns
from cordelia.testbeds.find import CATALOG, read_testbed
from cordelia.testbeds.patterns import END, check_pattern, found, trial_texts
from cordelia.testbeds.truth import Rubric, load_truths

POLYNOMIAL = r"(.*?,){6}P"
"""Quick on every trial text, and slow on long lines of commas: the case that only a limit on the search ends."""


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a|aa)+$",
        r"(a|a)+$",
        r"lantern(s|ss)+$",
        r"((a{1,20}){1,20}){1,20}$",
        r"(?:^|x)(([a-z])+.)+[A-Z]([a-z])+$",
        r"x(?=(b|bb)+c)",
        r"(?:one|t(wo|w|o)+)!",
    ],
)
def test_a_pattern_that_is_slow_by_nature_is_refused(pattern: str) -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match=r"takes too long on .* write it so that its repeats cannot match"):
        check_pattern(pattern)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "pattern",
    [
        *(r"(\w+ )*x", r"\b(one|two)\b.{0,25}\b(three)", r"(a|b)+", r"[^a]*x[^b]*y", r"a(?P<n>b)(?P=n)*", r"x{2,3}"),
        *("x{,3}y", "a{10000}", r"\{e<=3\}", "[{]e<=3}", "[]{]e<=3}", r"\N{DIGIT ONE}{2}", r"\[{2}"),
    ],
)
def test_repeats_that_are_quick_are_taken(pattern: str) -> None:
    assert check_pattern(pattern) == pattern


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(", "is not a regular expression: missing )"),
        (r"\p{L}", "bad escape"),
        ("a{99999999999}", "the repetition number is too large"),
        ("[[a]", "Possible nested set"),
        ("(" * 900 + ")" * 900, "nests too deep"),
        ("x" * 2_001, "2,000 are enough"),
        ("", "matches the empty text"),
        ("a*", "matches the empty text"),
        ("(?:a{60000}){60000}", "has 3,600,000,000 parts when its repeats are written out, and 10,000 are enough"),
        ("(?:a{2000}){2000}", "has 4,000,000 parts"),
        ("(?:a{50000,}b){50000,}", "parts when its repeats are written out"),
        ("x(?=(?:a{200}){200})", "has 40,001 parts"),
        ("(?:(?:one|two{150}){100})", "has 15,500 parts"),
        ("(?:" * 12 + "a" + "{60000})" * 12, "has very many parts"),
        ("(?:lantern){e<=3}", "has a brace that counts nothing, as {3} would; write \\{ for a brace"),
        ("lantern{d<=6}", "has a brace that counts nothing"),
        ("[^]{]{i}", "has a brace that counts nothing"),
        (".", "matches texts that have nothing to do with each other"),
        (r"\w", "matches texts that have nothing to do with each other"),
        (r"[a-z]{3}", "matches texts that have nothing to do with each other"),
        (r"\S+ \S+", "matches texts that have nothing to do with each other"),
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        check_pattern(pattern)


def test_what_would_take_gigabytes_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(patterns, "_compiled", compiled.append)
    with pytest.raises(ValueError, match="parts when its repeats are written out"):
        check_pattern("(?:b{60000}){60000}")
    assert compiled == []


def test_memory_that_runs_out_is_the_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(pattern: str) -> None:
        raise MemoryError

    monkeypatch.setattr(patterns, "_compiled", none_left)
    with pytest.raises(ValueError, match="'lamp oil' needs too much memory; write it with fewer repeats"):
        check_pattern("lamp oil")


def test_trial_texts_go_along_with_every_repeat() -> None:
    assert trial_texts("ab") == []
    grown = "x" + "ab" * 60
    texts = [grown, f"{grown}00", f"{grown}00 "]
    assert trial_texts(r"x(?:ab)+[0-9]{2}\s?") == [f"{text}{END}{texts[-1]}" for text in texts]
    assert all(len(text) <= 4_000 + len(END) for text in trial_texts("((((a+)+)+)+)+b*"))


def test_a_search_that_takes_too_long_ends_with_the_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "SECONDS", 0.05)
    assert not found(POLYNOMIAL, "a, b, c")
    with pytest.raises(
        CordeliaError, match=re.escape(f"The pattern '{POLYNOMIAL}' took more than 0.05 s on a text of")
    ):
        Rubric(all=[POLYNOMIAL]).matches(", " * 5_000)


@pytest.mark.parametrize("bed", [folder for folder in CATALOG.iterdir() if (folder / "truth.yaml").is_file()], ids=str)
def test_the_catalog_means_in_regex_what_it_means_in_re(bed: Path) -> None:
    truths = load_truths(read_testbed(bed)).values()
    rubrics = [rubric for truth in truths for rubric in (truth.rubric, *(b.rubric for b in truth.behaviours.values()))]
    texts = [text for truth in truths for text in (truth.objective or "", *truth.near_misses)]
    texts += [behaviour.claim for truth in truths for behaviour in truth.behaviours.values()]
    for pattern in {pattern for rubric in rubrics for pattern in (*rubric.all, *rubric.any, *rubric.none)}:
        for text in texts:
            assert found(pattern, text) == bool(re.search(pattern, text, re.IGNORECASE)), (pattern, text)
