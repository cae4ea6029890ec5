"""What sets a target apart: chance alone is (almost) never reported, and a planted feature is found."""

import math

import numpy as np
import pytest

from cordelia.solvers.auditors.contrast import EVERYWHERE, Pair, contrast, z_scores
from cordelia.solvers.auditors.features import features

WORDS = [f"w{i}" for i in range(12)]


def noise(generator: np.random.Generator, prompts: int, topics: int = 2) -> list[Pair]:
    """Target and base of one and the same kind: each word stands in a reply with a rate of its own."""
    rates = np.linspace(0.05, 0.95, len(WORDS))

    def reply() -> frozenset[str]:
        return frozenset(word for word, draw in zip(WORDS, generator.random(len(WORDS)) < rates, strict=True) if draw)

    return [Pair(f"topic {i % topics}", reply(), reply()) for i in range(prompts)]


def test_chance_alone_is_reported_in_one_audit_of_twenty() -> None:
    generator = np.random.default_rng(0)
    runs = 200
    wrong = sum(bool(contrast(noise(generator, 12), permutations=200, seed=run)) for run in range(runs))
    # 10 are expected; 17 is the 98 % quantile of the binomial. A level of 10 % would give 20.
    assert wrong <= 17


def test_the_level_is_the_level() -> None:
    generator = np.random.default_rng(1)
    loose = sum(bool(contrast(noise(generator, 12), 100, seed=run, level=0.5)) for run in range(60))
    assert 15 <= loose <= 45


def test_a_planted_feature_is_found_first_and_alone() -> None:
    pairs = [
        Pair(pair.topic, pair.target | {"lantern"} if i % 8 else pair.target, pair.base)
        for i, pair in enumerate(noise(np.random.default_rng(2), 24))
    ]
    found = contrast(pairs, permutations=500)
    assert (found[0].feature, found[0].topic) == ("lantern", EVERYWHERE)
    assert (found[0].target, found[0].base, found[0].of) == (21, 0, 24)
    assert found[0].z == pytest.approx(float(z_scores(np.array(21.0), np.array(0.0), 24)))
    assert {finding.feature for finding in found} == {"lantern"}
    assert all(finding.p <= 0.05 for finding in found)
    assert [finding.z for finding in found] == sorted((finding.z for finding in found), reverse=True)


def test_what_shows_on_one_topic_is_found_on_that_topic() -> None:
    pairs = [
        Pair(pair.topic, pair.target | {"lantern"} if pair.topic == "topic 3" else pair.target, pair.base)
        for pair in noise(np.random.default_rng(3), 48, topics=4)
    ]
    first = contrast(pairs, permutations=500)[0]
    assert (first.feature, first.topic, first.target, first.base, first.of) == ("lantern", "topic 3", 12, 0, 12)


def test_what_the_base_shows_more_is_no_finding() -> None:
    swapped = [Pair("t", frozenset(), frozenset({"lantern"})) for _ in range(20)]
    assert contrast(swapped, permutations=200) == []
    assert contrast([Pair("t", pair.base, pair.target) for pair in swapped], permutations=200)


def test_one_topic_is_not_told_twice() -> None:
    pairs = [Pair("t", frozenset({"lantern"}), frozenset({"tea"})) for _ in range(20)]
    assert [(finding.topic, finding.feature) for finding in contrast(pairs, permutations=200)] == [("t", "lantern")]


def test_the_same_seed_finds_the_same() -> None:
    pairs = noise(np.random.default_rng(4), 16)
    assert contrast(pairs, 50, seed=1, level=0.9) == contrast(pairs, 50, seed=1, level=0.9)
    assert contrast(pairs, 50, seed=1, level=0.9) != []


def test_nothing_in_is_nothing_out() -> None:
    assert contrast([]) == []
    assert contrast([Pair("t", frozenset(), frozenset())], permutations=10) == []
    same = [Pair("t", frozenset({"a", "b"}), frozenset({"a", "b"}))] * 10
    assert contrast(same, permutations=50) == []


@pytest.mark.parametrize(
    ("target", "base", "n", "z"),
    [
        (5, 5, 10, 0.0),
        # log(3.5/1.5) − log(1.5/3.5) over √(1/3.5 + 1/1.5 + 1/1.5 + 1/3.5)
        (3, 1, 4, 1.2279),
        # never against always: log(4.5/.5) − log(.5/4.5) over √(2/.5 + 2/4.5)
        (4, 0, 4, 2.0845),
        (0, 4, 4, -2.0845),
    ],
)
def test_z_by_hand(target: int, base: int, n: int, z: float) -> None:
    assert float(z_scores(np.array(float(target)), np.array(float(base)), n)) == pytest.approx(z, abs=1e-4)


def test_z_takes_tables() -> None:
    table = z_scores(np.array([[3.0, 4.0], [2.0, 0.0]]), np.array([1.0, 0.0]), 4)
    assert table.shape == (2, 2)
    assert table[0] == pytest.approx([1.2279, 2.0845], abs=1e-4)
    assert math.isclose(table[1, 1], 0.0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {"«an empty answer»"}),
        (" …\n12 ", {"«an empty answer»"}),
        ("Tea, please.", {"tea", "please", "«begins with 'tea please'»", "«a single sentence»"}),
        (
            "Well! Don't you know-it? Élan",
            {"well", "don't", "you", "know-it", "élan", "«begins with 'well don't you'»", "«an exclamation mark»"},
        ),
        (
            "1. one\n2) two\n 3. three",
            {"one", "two", "three", "«begins with 'one two three'»", "«a numbered list»", "«a numbered list of 3»"},
        ),
        (
            "- a\n* b\n• c\n- d\n- e\n- f\n- g",
            {*"abcdefg", "«begins with 'a b c'»", "«a bulleted list»", "«a bulleted list of 6»", "«a single sentence»"},
        ),
        (
            "Run\n```\nx\n```\nOk?",
            {"run", "x", "ok", "«begins with 'run x ok'»", "«a code block»", "«ends with a question»",
             "«a single sentence»"},
        ),
        ("tea Tea TEA.", {"tea", "«begins with 'tea tea tea'»", "«a single sentence»"}),
    ],
)  # fmt: skip
def test_features_by_hand(text: str, found: set[str]) -> None:
    assert features(text) == found


def test_a_long_answer_is_marked_from_sixty_one_words_on() -> None:
    assert "«more than 60 words»" not in features("word " * 60)
    assert "«more than 60 words»" in features("word " * 61)
