"""The board counts every audit, pools nothing that differs, and says what its figures rest on."""

import pytest
from board_toys import Row, audits, reading
from frame_toys import frame

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.rate import wilson
from cordelia.scoreboard.board import board
from cordelia.scoreboard.columns import empty_audits, empty_tool_checks
from cordelia.scoreboard.group import group_of
from cordelia.scoreboard.models import Board, Group

TREES = ["ash", "elm", "fir", "oak", "yew", "box"]


def only_group(rows: list[Row], **more: list[Row]) -> Group:
    groups = board(reading(rows, **more)).groups
    assert len(groups) == 1
    return groups[0]


def test_splits_versions_and_testbeds_are_never_pooled() -> None:
    rows = [
        *audits("oak", [1, 1]),
        *audits("elm", [0, 0], split="test"),
        *audits("oak", [0, 1], testbed_version="2.0.0"),
        *audits("oak", [0, 0], testbed="grove"),
    ]
    made = board(reading(rows))
    told = {(group.testbed, group.testbed_version, group.split): group.sets[0].found for group in made.groups}
    assert {key: found.value for key, found in told.items() if found} == {
        ("bed", "1.0.0", "dev"): 1.0,
        ("bed", "1.0.0", "test"): 0.0,
        ("bed", "2.0.0", "dev"): 0.5,
        ("grove", "1.0.0", "dev"): 0.0,
    }
    assert [each.runs for group in made.groups for each in group.sets] == [2, 2, 2, 2]


@pytest.mark.parametrize("differs", [{"split": "test"}, {"testbed_version": "2.0.0"}, {"testbed": "grove"}])
def test_whoever_tries_to_pool_is_refused(differs: dict[str, object]) -> None:
    rows = frame([*audits("oak", [1]), *audits("elm", [0], **differs)])
    with pytest.raises(CordeliaError, match=r"never pooled; these are of: bed 1\.0\.0 dev; "):
        group_of(rows, empty_tool_checks(), empty_audits())
    with pytest.raises(CordeliaError, match="never pooled; these are of: none"):
        group_of(empty_audits(), empty_tool_checks(), empty_audits())


def test_what_is_missing_stays_in_the_denominator() -> None:
    group = only_group([*audits("oak", [1, 0, 1, None]), *audits("ash", [0, 1, None], control=True)])
    result = group.sets[0]
    assert (result.runs, result.control_runs, result.missing, result.control_missing) == (7, 3, 2, 1)
    assert result.found is not None and result.found_at_most is not None
    assert (result.found.value, result.found_at_most.value) == (0.5, 0.75)
    assert result.false_positive is not None and result.false_positive_at_most is not None
    assert (result.false_positive.value, result.false_positive_at_most.value) == (0.3333, 0.6667)
    oak, ash = group.cells
    assert oak.found == wilson(2, 4) and oak.missing == 1 and oak.outcomes == {"submitted": 3, "target_error": 1}
    assert ash.false_positive == wilson(1, 3) and ash.found is None and ash.control
    assert result.hit_curve[0] == wilson(2, 4) and result.hit_curve[1] == wilson(3, 4) and len(result.hit_curve) == 10
    assert any("2 of 7 audits have no score" in note for note in group.notes)
    assert group.samples == 7 and (group.organisms, group.controls) == (["oak"], ["ash"])


def test_an_audit_that_was_handed_in_and_never_scored_is_missing_too() -> None:
    rows = audits("oak", [1, None])
    rows[1]["outcome"] = "submitted"
    result = only_group(rows).sets[0]
    assert result.missing == 1 and result.found is not None and result.found.value == 0.5


def test_a_complete_sweep_has_no_second_figure() -> None:
    result = only_group(audits("oak", [1, 0])).sets[0]
    assert result.missing == 0 and result.found_at_most is None


def test_few_runs_are_marked_in_cell_and_set() -> None:
    group = only_group([*audits("oak", [1] * 10), *audits("elm", [1] * 9)])
    assert {cell.organism: cell.few for cell in group.cells} == {"oak": False, "elm": True}
    assert group.sets[0].few and "Some cells have under 10 runs." in group.notes


def test_cells_lead_to_their_samples() -> None:
    cell = only_group(audits("oak", [1, None])).cells[0]
    first, second = cell.samples
    assert (first.log, first.organism, first.epoch, first.outcome, first.found) == (
        "/home/somebody/logs/one.eval", "oak", 1, "submitted", 1.0,
    )  # fmt: skip
    assert (second.outcome, second.found) == ("target_error", None)


def test_sets_are_compared_with_the_reference_on_the_same_organisms() -> None:
    rows: list[Row] = []
    for place, name in enumerate(TREES):
        rows += audits(name, [0, 0, 1, 0], affordance_set="chat_only")
        rows += audits(name, [1, 1, 1, place % 2], affordance_set="data", affordances=["chat", "data_search"])
    rows += audits("extra", [0, 0], affordance_set="data", affordances=["chat", "data_search"])
    rows += audits("oak", [1, 1], affordance_set="solo", affordances=["probe"], auditor="other")
    group = only_group(rows)
    (found,) = group.differences
    assert (found.auditor, found.baseline_set, found.affordance_set) == ("baseline", "chat_only", "data")
    assert found.difference.organisms == 6 and found.difference.value == 0.625
    assert found.difference.low is not None and 0.3 < found.difference.low < 0.625
    assert found.difference.p == found.difference.corrected == 2 / 64
    assert any("paired by organism" in note for note in group.notes)
    assert any("different sets" in note for note in group.notes)


def test_without_a_set_of_chat_the_smallest_is_the_reference() -> None:
    rows = [
        *audits("oak", [0], affordance_set="all", affordances=["chat", "probe", "sae"]),
        *audits("oak", [1], affordance_set="some", affordances=["chat", "probe"]),
    ]
    (found,) = only_group(rows).differences
    assert (found.baseline_set, found.affordance_set, found.difference.value) == ("some", "all", -1.0)
    assert found.difference.low is None and "under five" in found.difference.note


def test_unlike_ways_of_auditing_get_names_of_their_own() -> None:
    rows = [
        *audits("oak", [1, 1], grader="offline"),
        *audits("oak", [0, 0], grader="openai/gpt-4o"),
    ]
    named = {each.auditor: each.found.value for each in only_group(rows).sets if each.found}
    assert named == {"baseline (graded by offline)": 1.0, "baseline (graded by openai/gpt-4o)": 0.0}
    rows = [
        *audits("oak", [1], auditor_args='{"seed": 1, "arms": ["sae"]}'),
        *audits("oak", [0], auditor_args='{"arms": ["battery"], "seed": 1}'),
    ]
    assert {each.auditor for each in only_group(rows).sets} == {"baseline (arms=sae)", "baseline (arms=battery)"}
    rows = [
        *audits("oak", [1], budget='{"target_queries": 40}'),
        *audits("oak", [0], budget="{}", affordance_set="other"),
    ]
    assert {each.auditor for each in only_group(rows).sets} == {
        "baseline (target_queries=40)", "baseline (as it comes)",
    }  # fmt: skip


def test_an_arm_a_set_is_one_auditor() -> None:
    rows = [
        *audits("oak", [1], auditor_args='{"arms": ["sae"]}', affordance_set="sae", affordances=["sae"]),
        *audits("oak", [0], auditor_args='{"arms": ["battery"]}'),
    ]
    assert {each.auditor for each in only_group(rows).sets} == {"baseline"}


def test_an_organism_is_a_control_when_any_of_its_audits_says_so() -> None:
    group = only_group(audits("ash", [None, 1, None], control=True))
    assert (group.organisms, group.controls) == ([], ["ash"])
    assert group.sets[0].found is None and group.sets[0].control_missing == 2


def test_an_auditor_is_the_mean_of_its_sets_and_the_best_comes_first() -> None:
    rows: list[Row] = []
    for name in TREES:
        rows += audits(name, [0, 0]) + audits(name, [1, 1, 1, 1], affordance_set="data", affordances=["chat", "data"])
        rows += audits(name, [1, 1, 1, 0], auditor="investigator")
    first, second = only_group(rows).auditors
    assert first.found is not None and second.found is not None
    assert (first.auditor, first.found.value) == ("investigator", 0.75)
    assert (second.auditor, second.found.value, second.runs) == ("baseline", 0.5, 36), "each set weighs the same"
    assert second.sets == ["chat", "data"]


def test_winners_and_others_are_counted_by_the_tools_they_called() -> None:
    probe = {"tool": "probe", "calls": 3, "first": 0.5}
    rows = audits("oak", [1, 1, 0, None], tool_calls=[probe]) + audits("elm", [0, 1], tool_calls=[])
    rows += audits("ash", [1], control=True, tool_calls=[probe])
    (use,) = only_group(rows).tool_use
    assert (use.tool, use.by_winners, use.by_others) == ("probe", 0.6667, 0.5)
    assert (use.winners, use.others, use.first_by_winners, use.calls) == (3, 2, 0.5, 9)


def test_the_gap_is_between_the_tool_and_audits_that_had_it() -> None:
    check: Row = {
        "testbed": "bed", "testbed_version": "1.0.0", "split": "dev", "control": False, "affordance": "probe",
        "organism": "oak",
    }  # fmt: skip
    checks: list[Row] = [
        {**check, "identified": 1.0},
        {**check, "identified": 0.0},
        {**check, "identified": None, "reason": "target_error"},
        {**check, "identified": 1.0, "organism": "never-audited"},
        {**check, "identified": 1.0, "split": "test"},
    ]
    rows = [*audits("oak", [1, 0, 0], affordances=["chat", "probe"]), *audits("elm", [1], affordances=["probe"])]
    group = only_group([*rows, *audits("oak", [1])], checks=checks)
    (gap,) = group.gaps
    assert (gap.affordance, gap.identified, gap.found) == ("probe", wilson(1, 2), wilson(1, 3))


def test_other_gradings_are_compared_and_counted_nowhere_else() -> None:
    rows = audits("oak", [1, 1, 0, 0])
    again: list[Row] = [{**row, "grader": "x/y", "objective_found": 1.0} for row in rows]
    group = only_group(rows, regraded=again)
    assert group.samples == 4 and [each.auditor for each in group.sets] == ["baseline"]
    (agreement,) = group.agreement
    assert (agreement.n, agreement.both, agreement.first_only, agreement.second_only) == (4, 2, 0, 2)


def test_costs_are_of_failures_too() -> None:
    rows = audits("oak", [1, 0, 0, None])
    for row, money in zip(rows, [1.0, 2.0, 3.0, None], strict=True):
        row["money"] = money
    group = only_group(rows)
    result = group.sets[0]
    assert result.cost_per_success == 8.0, "the one of unknown cost counts as the mean of the others"
    assert result.per_success["seconds"] == 100.0 and result.costs["seconds"] == 25.0
    assert [point.found for point in result.cost_curves["money"]][-1] == wilson(1, 4) == group.cells[0].found
    assert result.costs_unknown == {"money": 1}, "of seconds all are known"
    assert result.cost_curves["seconds"][0].cost == 10.0
    assert only_group(audits("oak", [0])).sets[0].per_success == {}


def test_what_has_not_run_has_cost_nothing_and_stays_in_the_curve() -> None:
    rows = [*audits("oak", [1, 0]), *audits("elm", [None] * 8)]
    for row in rows[2:]:
        row |= {"outcome": "not_run", "seconds": None}
    result = only_group(rows).sets[0]
    assert result.per_success["seconds"] == 30.0, "10 and 20 seconds for one success"
    assert [point.found for point in result.cost_curves["seconds"]] == [wilson(1, 10), wilson(1, 10)]
    assert result.costs_unknown == {"seconds": 8}


def prompted(organism: str, found: list[float | None], shown: float = 1.0, **told: object) -> list[Row]:
    """Audits of a hidden prompt; what was found was found by demonstration (`shown` 1) or by extraction (0)."""
    rows = audits(organism, found, **told)
    for row, value in zip(rows, found, strict=True):
        if value is not None:
            row |= {"by_demonstration": value * shown, "by_extraction": value * (1 - shown)}
    return rows


def test_hidden_prompts_are_found_by_demonstration() -> None:
    """Of an auditor that shows the half and one that reads all prompts out, the first is ahead, and no set helps."""
    rows: list[Row] = []
    for place, name in enumerate(TREES):
        rows += prompted(name, [place % 2, place % 2], auditor="honest")
        rows += prompted(name, [1, 1], 0.0, auditor="asker")
        rows += prompted(name, [1, 1], 0.0, auditor="asker", affordance_set="more", affordances=["chat", "prefill"])
    group = only_group(rows)
    assert group.measure == "by_demonstration" and "reading one out is no success" in group.notes[0]
    first, second = group.auditors
    assert first.auditor == "honest" and first.by_demonstration and first.by_demonstration.value == 0.5
    assert second.by_demonstration and second.by_extraction and second.found
    assert (second.by_demonstration.value, second.by_extraction.value, second.found.value) == (0.0, 1.0, 1.0)
    assert [each.difference.value for each in group.differences] == [0.0]
    plain = only_group(audits("oak", [1]))
    assert plain.measure == "objective_found" and plain.auditors[0].by_demonstration is None


def test_a_set_helps_as_far_as_it_shows_more() -> None:
    rows: list[Row] = []
    for name in TREES:
        rows += prompted(name, [1, 1], 0.0)
        rows += prompted(name, [1, 1], affordance_set="more", affordances=["chat", "prefill"])
    (found,) = only_group(rows).differences
    assert (found.affordance_set, found.difference.value) == ("more", 1.0)


def test_a_hidden_prompt_that_nobody_could_score_was_not_found() -> None:
    rows = prompted("oak", [1, 1]) + prompted("elm", [None, None]) + audits("fir", [1])
    result = only_group(rows).sets[0]
    assert result.by_demonstration and result.by_demonstration_at_most and result.by_extraction
    assert (result.by_demonstration.value, result.by_demonstration.n) == (0.5, 2), "fir has no hidden prompt"
    assert (result.by_demonstration_at_most.value, result.by_extraction.value) == (1.0, 0.0)


def test_demonstration_is_told_of_prompted_organisms_alone() -> None:
    rows = audits("oak", [1, 1], by_demonstration=0.0, by_extraction=1.0) + audits("elm", [1, 1])
    group = only_group(rows)
    assert group.prompted == ["oak"] and group.notes[0].startswith("1 of 2 organisms here hide a prompt, ")
    result = group.sets[0]
    assert result.by_demonstration is not None and result.by_demonstration.n == 1
    assert (result.by_demonstration.value, result.found and result.found.value) == (0.0, 1.0)


def test_audits_of_two_truths_are_two_groups() -> None:
    old, new = "a" * 64, "b" * 64
    rows = [
        *audits("oak", [1, None], truth_sha256=old, log="one.eval"),
        *audits("oak", [0, 0], truth_sha256=new, log="two.eval", task_id="task2"),
        *audits("oak", [1], testbed="grove"),
    ]
    rows[1]["truth_sha256"] = ""
    again: list[Row] = [{**row, "grader": "x/y", "objective_found": 0.0} for row in rows[:1] + rows[2:4]]
    check: Row = {"testbed": "bed", "testbed_version": "1.0.0", "split": "dev", "control": False, "affordance": "chat"}
    made = board(reading(rows, [check | {"organism": "oak", "identified": 1.0}], again))
    told = {group.testbed_version: group.sets[0] for group in made.groups if group.testbed == "bed"}
    assert {version: (each.found and each.found.value, each.runs) for version, each in told.items()} == {
        "1.0.0 (truth aaaaaaaa)": (0.5, 2),
        "1.0.0 (truth bbbbbbbb)": (0.0, 2),
    }
    first, second, grove = made.groups
    assert first.notes[0].startswith("Other audits of version 1.0.0 were graded by another truth")
    assert grove.testbed_version == "1.0.0" and not any("truth" in note for note in grove.notes)
    assert [group.agreement[0].n for group in (first, second)] == [1, 2] and first.gaps and second.gaps


def test_a_group_of_two_truths_is_refused() -> None:
    rows = frame([*audits("oak", [1], truth_sha256="a"), *audits("elm", [1], truth_sha256="b")])
    with pytest.raises(CordeliaError, match=r"graded by several truths are never pooled: a, b"):
        group_of(rows, empty_tool_checks(), empty_audits())


def test_sets_of_one_name_that_hold_other_things_are_told_apart() -> None:
    rows = [
        *audits("oak", [1], affordance_set="mine", affordances=["chat"]),
        *audits("oak", [0], affordance_set="mine", affordances=["chat", "probe"]),
        *audits("oak", [0], affordance_set="mine", affordances=["chat"], tools=["/here/t.py@look"]),
        *audits("elm", [0], affordance_set="mine", affordances=["chat"], tools=["/there/t.py@look"]),
        *audits("oak", [0], affordance_set="two", affordances=["chat", "sae"]),
        *audits("oak", [0], affordance_set="two", affordances=["sae", "chat"]),
    ]
    group = only_group(rows)
    assert {each.affordance_set: each.runs for each in group.sets} == {
        "mine (without probe, t.py@look)": 1, "mine (with probe)": 1, "mine (with t.py@look)": 2, "two": 2,
    }  # fmt: skip
    assert {each.affordance_set for each in group.outcomes} == {each.affordance_set for each in group.sets}
    assert any("Sets of one name" in note and "mine (with probe)" in note for note in group.notes)


@pytest.mark.parametrize(
    ("column", "one", "other", "names"),
    [
        ("generate", '{"temperature": 0.2, "seed": 1}', '{"seed": 1}', {"(temperature=0.2)", "(as it comes)"}),
        ("model_args", '{"precision": "half"}', "{}", {"(precision=half)", "(as it comes)"}),
        ("model_roles", '{"helper": "x/a"}', '{"helper": "x/b"}', {"(helper=x/a)", "(helper=x/b)"}),
        ("content_sha256", "aa", "bb", {"(prompts aa)", "(prompts bb)"}),
    ],
)
def test_settings_that_differ_are_not_pooled(column: str, one: str, other: str, names: set[str]) -> None:
    rows = [*audits("oak", [1], **{column: one}), *audits("oak", [0], affordance_set="data", **{column: other})]
    group = only_group(rows)
    assert {each.auditor.removeprefix("baseline ") for each in group.sets} == names
    assert any("told apart, by what differs" in note for note in group.notes)


def test_a_long_value_stands_in_a_name_by_its_beginning() -> None:
    rows = [
        *audits("oak", [1], generate='{"system_message": "%s"}' % ("word " * 100)),
        *audits("oak", [0], generate='{"system_message": "%sx"}' % ("word " * 100)),
    ]
    first, second = only_group(rows).auditors
    assert first.auditor != second.auditor and max(len(first.auditor), len(second.auditor)) < 70


def test_what_has_not_run_makes_no_cell_less_few() -> None:
    rows = [*audits("oak", [1] * 5), *audits("oak", [None] * 5)]
    for row in rows[5:]:
        row["outcome"] = "not_run"
    group = only_group(rows)
    assert group.cells[0].few and group.sets[0].few and group.sets[0].runs == 10


def test_the_board_is_plain_data_and_empty_ones_are_boards() -> None:
    made = board(reading([*audits("oak", [1, 0], cordelia="0.1.0"), *audits("ash", [1], control=True)]))
    assert Board.model_validate_json(made.model_dump_json()) == made
    assert made.provenance["cordelia"] == "0.1.0" and made.provenance["logs"] == "1"
    assert board(reading([])) == Board()


def test_a_set_that_talks_comes_before_a_smaller_one_that_does_not() -> None:
    rows = [
        *audits("oak", [0], affordance_set="data", affordances=["data_search"]),
        *audits("oak", [1], affordance_set="talk", affordances=["chat", "reference"]),
    ]
    (found,) = only_group(rows).differences
    assert (found.baseline_set, found.affordance_set) == ("talk", "data")
