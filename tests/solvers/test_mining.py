"""Diff mining by hand: weights, directions, missing tokens, matching from the end."""

import math

import pytest

from cordelia.solvers.mining import Reading, matched, mine, reply_start
from cordelia.testbeds.backends.inside import NextTokens


def expected(**chances: float) -> dict[str, float]:
    """Log probabilities, likeliest first."""
    ranked = sorted(chances.items(), key=lambda item: -item[1])
    return {token: math.log(chance) for token, chance in ranked}


def reading(label: str, target: dict[str, float], base: dict[str, float], token: str = "x", start: int = 0) -> Reading:
    return Reading(label, NextTokens([token], [target]), NextTokens([token], [base]), start)


def test_a_shift_by_hand() -> None:
    mined = mine([reading("t", expected(tea=0.6, milk=0.4), expected(tea=0.2, milk=0.8))])
    assert mined.positions == 1
    (raised,), (lowered,) = mined.raised, mined.lowered
    assert (raised.token, lowered.token) == ("tea", "milk")
    assert raised.weight == pytest.approx(0.6 * math.log(3))
    assert (raised.target, raised.base) == (pytest.approx(0.6), pytest.approx(0.2))
    assert lowered.weight == pytest.approx(0.8 * math.log(2))
    assert mined.distances == [("t", pytest.approx(0.4))]
    assert mined.distance == pytest.approx(0.4)


def test_often_and_much_both_rank_high() -> None:
    flat = expected(a=0.5, b=0.48, c=0.02)
    often = [reading(f"o{i}", expected(a=0.43, b=0.48, c=0.09), flat) for i in range(10)]
    much = [reading("m", expected(d=0.9, a=0.05, b=0.05), expected(a=0.5, b=0.49, d=0.01))]
    raised = mine([*often, *much]).raised
    assert [shift.token for shift in raised] == ["d", "c"]
    assert (raised[1].positions, raised[1].texts) == (10, 10)
    assert [shift.token for shift in mine([*often, *often, *often, *much]).raised] == ["c", "d"]


def test_the_same_model_has_no_shift() -> None:
    same = expected(a=0.5, b=0.3, c=0.2)
    mined = mine([reading(f"t{i}", same, same) for i in range(5)])
    assert (mined.raised, mined.lowered, mined.distance, mined.positions) == ([], [], 0.0, 5)


def test_noise_of_arithmetic_is_no_shift() -> None:
    mined = mine([reading("t", expected(a=0.52, b=0.3, c=0.18), expected(a=0.5, b=0.32, c=0.18))])
    assert mined.raised == mined.lowered == []
    assert 0 < mined.distance < 0.03


def test_a_missing_token_is_given_no_more_than_what_is_listed() -> None:
    """`d` is unknown to the base, whose list ends at 10 %: 30 % against at most 10 %, and never more than that."""
    mined = mine([reading("t", expected(a=0.7, d=0.3), expected(a=0.9, b=0.1))])
    (raised,) = mined.raised
    assert (raised.token, raised.base) == ("d", pytest.approx(0.1))
    # the target's list ends at 30 %, so b may well be as likely to it as to the base: no shift is invented
    assert mined.lowered == []


def test_what_neither_expects_is_left_out() -> None:
    mined = mine([reading("t", expected(a=0.995, b=0.004, c=0.001), expected(a=0.995, b=0.0005, c=0.0045))])
    assert mined.raised == mined.lowered == []


def test_positions_are_matched_from_the_end_where_tokens_are_the_same() -> None:
    one = expected(a=1.0)
    target, base = NextTokens(["<u>", " hi", "<a>"], [one] * 3), NextTokens(["<s>", "sys", " hi", "<a>"], [one] * 4)
    assert matched(Reading("t", target, base)) == [(1, 2), (2, 3)]
    assert matched(Reading("t", target, base, start=2)) == [(2, 3)]
    other = NextTokens(["<u>", " hi", "<b>"], [one] * 3)
    assert matched(Reading("t", target, other)) == []
    assert mine([Reading("t", target, other)]).distances == []


def test_a_context_is_the_text_before_the_shift() -> None:
    tokens = [f" w{i}" for i in range(12)]
    same, up = expected(a=0.5, b=0.5), expected(a=0.9, b=0.1)
    target = NextTokens(tokens, [*[same] * 11, up])
    (shift,) = mine([Reading("t", target, NextTokens(tokens, [same] * 12))]).raised
    assert shift.contexts[0].before == " w4 w5 w6 w7 w8 w9 w10 w11"


@pytest.mark.parametrize(
    ("tokens", "reply", "start"),
    [
        (["<u>", "hi", "<a>", "It", " is", " so."], "It is so.", 2),
        (["<u>", "hi", "<a>"], "", 2),
        (["It"], "It is", 0),
        ([], "x", 0),
    ],
)
def test_where_a_reply_starts(tokens: list[str], reply: str, start: int) -> None:
    assert reply_start(tokens, reply) == start


def test_nothing_in_is_nothing_out() -> None:
    mined = mine([])
    assert (mined.positions, mined.raised, mined.lowered, mined.distance) == (0, [], [], 0.0)
