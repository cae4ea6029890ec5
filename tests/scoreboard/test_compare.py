"""`compare`: who is better is told by the paired interval, per group, and what does not compare is refused by name."""

import polars as pl
import pytest
from frame_toys import alarms, frame, runs

from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.compare import compare, only, ways_of
from cordelia.scoreboard.comparison import Comparison

NAMES = [f"tree{number}" for number in range(12)]


def half(share: float, names: list[str] = NAMES, **same: object) -> list[dict[str, object]]:
    """Ten runs of each organism, found in about that share, a little apart from organism to organism."""
    return runs(
        {name: [float(run < 10 * share + place % 3 - 1) for run in range(10)] for place, name in enumerate(names)},
        **same,
    )


def one(a: pl.DataFrame, b: pl.DataFrame, metric: str | None = None) -> Comparison:
    [found] = compare(a, b, metric).comparisons
    return found


def test_better_says_points_interval_cost_and_false_positives() -> None:
    controls = {"ash": [0.0, 0.0, 0.0, 1.0], "yew": [0.0, 0.0, 1.0, 1.0]}
    a = frame([*half(0.3), *alarms({"ash": [0.0] * 4, "yew": [0.0] * 4})])
    b = frame([*half(0.7, auditor="investigator", target_queries=25.0), *alarms(controls, target_queries=25.0)])
    b = b.with_columns(auditor=pl.lit("investigator"))
    found = one(a, b)
    assert found.verdict == "better"
    assert found.difference.value == 0.4 and found.a.value == 0.3
    assert found.sentence.startswith(
        "B is better: it finds the objective of 12 organisms of bed 1.0.0 dev 40 points more often than A (95 % "
    )
    assert "at 2.5 × the target queries" in found.sentence
    assert found.sentence.endswith("; false positives on 2 controls: A 0%, B 38%.")


def test_worse_is_the_same_the_other_way_round() -> None:
    better, worse = one(frame(half(0.3)), frame(half(0.7))), one(frame(half(0.7)), frame(half(0.3)))
    assert worse.verdict == "worse"
    assert "40 points less often than A" in worse.sentence
    assert (worse.difference.low, worse.difference.high) == (-better.difference.high, -better.difference.low)  # type: ignore[operator]
    assert worse.sentence.split("(")[1] == better.sentence.split("(")[1], "the interval is told in the same direction"
    assert "they share no controls" in worse.sentence


def test_no_difference_is_not_better() -> None:
    found = one(frame(half(0.5)), frame(half(0.5)))
    assert found.verdict == "not shown to be better"
    assert "as often as A" in found.sentence


def test_few_organisms_have_no_interval_and_so_no_verdict() -> None:
    found = one(frame(half(0.1, NAMES[:3])), frame(half(0.9, NAMES[:3])))
    assert found.verdict == "not shown to be better"
    assert "under five organisms: no interval" in found.sentence


def test_splits_and_testbeds_are_never_pooled() -> None:
    a = frame([*half(0.3), *half(0.6, split="test"), *half(0.2, testbed="other")])
    b = frame([*half(0.7), *half(0.6, split="test"), *half(0.2, testbed="third")])
    result = compare(a, b)
    assert [(each.split, each.verdict) for each in result.comparisons] == [
        ("dev", "better"),
        ("test", "not shown to be better"),
    ]
    assert all(each.difference.corrected is not None for each in result.comparisons), "several are corrected for"
    assert result.left_out == ["other 1.0.0 dev in A alone", "third 1.0.0 dev in B alone"]


SIX = NAMES[:6]


def both(dev: float, test: float) -> pl.DataFrame:
    """Six organisms a split, found always or never: a p of 2/64 at best."""
    return frame([*runs({name: [dev] * 10 for name in SIX}), *runs({name: [test] * 10 for name in SIX}, split="test")])


def test_worse_in_one_of_several_rests_on_the_corrected_p() -> None:
    dev, test = compare(both(1.0, 0.0), both(0.0, 0.0)).comparisons
    assert (dev.difference.p, dev.difference.corrected) == (2 / 64, 4 / 64)
    assert dev.difference.high is not None and dev.difference.high < 0
    assert (dev.verdict, test.verdict) == ("not shown to be better", "not shown to be better")
    assert "p 0.062 after Holm's correction over 2 comparisons" in dev.sentence
    alone = one(both(1.0, 0.0).filter(pl.col("split") == "dev"), both(0.0, 0.0).filter(pl.col("split") == "dev"))
    assert alone.verdict == "worse" and ", p 0.031;" in alone.sentence


def test_better_in_all_needs_no_correction_and_better_in_one_does() -> None:
    everywhere = compare(both(0.0, 0.0), both(1.0, 1.0)).comparisons
    assert [each.verdict for each in everywhere] == ["better", "better"]
    assert all("p 0.031 by itself, as B is better in all 2 comparisons" in each.sentence for each in everywhere)
    assert [each.verdict for each in compare(both(0.0, 0.0), both(1.0, 0.0)).comparisons] == [
        "not shown to be better",
        "not shown to be better",
    ]


def test_bounds_for_what_is_missing_are_corrected_too() -> None:
    """Worse by 2/64 however the one missing audit counts: of two comparisons that is not enough."""
    b = frame(
        [
            *runs({name: [0.0] * 9 + [None if name == SIX[0] else 0.0] for name in SIX}),
            *runs({name: [0.0] * 10 for name in SIX}, split="test"),
        ]
    )
    dev, _ = compare(both(1.0, 0.0), b).comparisons
    assert dev.most is not None and dev.most.high is not None and dev.most.high < 0
    assert (dev.most.p, dev.most.corrected) == (2 / 64, 4 / 64) and dev.verdict == "not shown to be better"


def test_unscored_controls_are_said_with_what_they_could_come_to() -> None:
    a = frame([*half(0.3), *alarms({"ash": [0.0] * 4, "yew": [0.0] * 4})])
    b = frame([*half(0.3), *alarms({"ash": [None] * 4, "yew": [0.0, 0.0, None, None]})])
    found = one(a, b)
    assert (found.b.false_positive, found.b.false_positive_at_most) == (0.0, 0.75)
    assert found.sentence.endswith(
        "false positives on 2 controls: A 0%, B 0% (at most 75%: 6 of 8 audits have no score)."
    )


def test_a_group_that_cannot_be_paired_is_left_out_with_a_word() -> None:
    a = frame([*half(0.3, NAMES[:6]), *half(0.3, split="test")])
    b = frame([*half(0.3, NAMES[6:]), *half(0.7, split="test")])
    result = compare(a, b)
    assert [(each.split, each.verdict, each.compared) for each in result.comparisons] == [("test", "better", 1)]
    [told] = result.left_out
    assert told.startswith("A and B share no organism of bed 1.0.0 dev with objective_found: A has tree0, ")


def test_lower_is_better_for_false_positives() -> None:
    names = NAMES[:8]
    a = frame(alarms({name: [1.0] * 9 + [float(place % 2)] for place, name in enumerate(names)}))
    b = frame(alarms({name: [0.0] * 9 + [float(place % 2)] for place, name in enumerate(names)}))
    found = one(a, b, "false_positive")
    assert found.verdict == "better"
    assert "raises a false alarm on 8 controls of bed 1.0.0 dev 90 points less often than A" in found.sentence
    assert one(b, a, "false_positive").verdict == "worse"


def test_what_is_missing_counts_against_the_verdict() -> None:
    """A's target broke in most runs: counted as not found B looks better, counted as found it is not."""
    broken = runs({name: [0.0, 1.0, *[None] * 8] for name in NAMES})
    whole = runs(
        {name: [1.0] * 5 + [0.0] * 5 for name in NAMES[:6]} | {name: [1.0] * 6 + [0.0] * 4 for name in NAMES[6:]}
    )
    found = one(frame(broken), frame(whole))
    assert found.difference.low is not None and found.difference.low > 0
    assert found.least is not None and found.least.value < 0
    assert found.verdict == "not shown to be better"
    assert "96 of A's 120 audits and 0 of B's 120 have no score, and at worst the interval is −" in found.sentence


def test_an_audit_without_a_submission_is_a_miss_and_not_missing() -> None:
    gave_up = [row | {"outcome": "no_submission"} for row in half(0.0)]
    found = one(frame(gave_up), frame(half(0.5)))
    assert found.a.missing == 0 and found.a.runs == 120


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"testbed": "other"}, "another testbed: A has bed, B has other"),
        ({"testbed_version": "2.0.0"}, "another version of the testbed: A has bed 1.0.0, B has bed 2.0.0"),
        ({"split": "test"}, "another split: A has bed 1.0.0 dev, B has bed 1.0.0 test"),
        ({"truth_sha256": "cd" * 32}, "truth: A has abababababab, B has cdcdcdcdcdcd"),
        ({"grader": "openai/gpt-4o"}, "grader: A has offline, B has openai/gpt-4o"),
        ({"threshold": 3}, "threshold: A has 4, B has 3"),
        ({"base": "openai/o1"}, "base of the targets: A has none (the testbed's own), B has openai/o1"),
    ],
)
def test_what_does_not_compare_is_refused_with_both_values(change: dict[str, object], says: str) -> None:
    with pytest.raises(CordeliaError) as error:
        compare(frame(half(0.3)), frame([row | change for row in half(0.5)]))
    assert says in str(error.value)


def test_no_common_organism_is_refused() -> None:
    with pytest.raises(CordeliaError, match=r"A and B share no organism of bed 1.0.0 dev .* A has elm; B has oak"):
        compare(frame(runs({"elm": [1.0]})), frame(runs({"oak": [1.0]})))


def test_a_side_that_mixes_graders_is_refused() -> None:
    mixed = frame([*half(0.3), *half(0.3, grader="x/y")])
    with pytest.raises(
        CordeliaError, match=r"B mixes what cannot be compared in bed 1.0.0 dev: grader offline and x/y"
    ):
        compare(frame(half(0.3)), mixed)


def test_several_sets_are_each_compared_with_their_like() -> None:
    a = frame([*half(0.3), *half(0.3, affordance_set="blackbox"), *half(0.3, affordance_set="all")])
    b = frame([*half(0.3), *half(0.8, affordance_set="blackbox")]).with_columns(auditor=pl.lit("investigator"))
    result = compare(a, b)
    assert [(each.way, each.verdict) for each in result.comparisons] == [
        ("affordance set blackbox", "better"),
        ("affordance set chat", "not shown to be better"),
    ]
    assert result.left_out == ["affordance set all of bed 1.0.0 dev in A alone"]
    assert "of bed 1.0.0 dev, affordance set blackbox, 50 points" in result.comparisons[0].sentence


def test_a_mixture_without_its_like_is_refused_and_says_how_to_choose() -> None:
    a = frame([*half(0.3), *half(0.3, affordance_set="blackbox")])
    with pytest.raises(CordeliaError, match=r"affordance set blackbox \| affordance set chat.*--set-a and --set-b"):
        compare(a, frame(half(0.3, affordance_set="all")))


def test_one_pile_is_compared_with_itself_by_set_and_by_arguments() -> None:
    pile = frame(
        [
            *half(0.3, auditor_args='{"arms": ["battery"]}'),
            *half(0.8, auditor_args='{"arms": ["battery", "sae"]}', affordance_set="all"),
        ]
    )
    assert (
        one(only(pile, {"affordance_set": "chat"}, "A"), only(pile, {"affordance_set": "all"}, "B")).verdict == "better"
    )
    chosen = only(pile, {"auditor": "baseline arms=battery,sae"}, "A")
    assert chosen["affordance_set"].unique().to_list() == ["all"]
    assert only(pile, {"auditor": "baseline"}, "A").height == pile.height
    assert ways_of(pile) == [
        "baseline arms=battery,sae · all · none/none",
        "baseline arms=battery · chat · none/none",
    ]
    with pytest.raises(CordeliaError, match=r"There is no affordance set 'chatt' in A. Did you mean 'chat'"):
        only(pile, {"affordance_set": "chatt"}, "A")
    with pytest.raises(CordeliaError, match=r"There is no column to choose by 'answer'"):
        only(pile, {"answer": "x"}, "A")


def test_an_unknown_metric_names_those_that_exist() -> None:
    with pytest.raises(CordeliaError, match=r"There is no metric 'found'.*objective_found"):
        compare(frame(half(0.3)), frame(half(0.3)), "found")


def test_tokens_against_none_are_told_as_they_are() -> None:
    found = one(frame(half(0.3)), frame(half(0.8, auditor_tokens=31_000.0)))
    assert "at 31,000 auditor tokens an audit where A spends none" in found.sentence
