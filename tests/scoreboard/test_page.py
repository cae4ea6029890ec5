"""The page as text: what it says of a board, and that it is honest, whole and harmless. No browser here."""

import re
from functools import partial
from html.parser import HTMLParser

import pytest
from page_toys import AUDITORS, CONTROLS, ORGANISMS, SETS, board, estimate

from cordelia.contracts.rate import wilson
from cordelia.scoreboard.models import Board, Group, SampleLink, SetDifference, SetResult
from cordelia.scoreboard.page.figures import FIGURES, Drawn
from cordelia.scoreboard.page.heat import MOST_LINKS, grids, told
from cordelia.scoreboard.page.labels import LONGEST, labelled, labels
from cordelia.scoreboard.page.marks import MOST_SERIES, OUTCOMES, marks
from cordelia.scoreboard.page.order import ordered
from cordelia.scoreboard.page.render import headline, page
from cordelia.scoreboard.page.viewer import address, names
from cordelia.scoreboard.page.words import place, slug
from cordelia.scoreboard.statistics.models import Difference

HOSTILE = "<script>alert(1)</script>\"'{{ 7 * 7 }}"


class Parsed(HTMLParser):
    """The links, pictures, ids and nesting of a page."""

    VOID = ("meta", "link", "img", "br", "source")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in (*self.VOID, "li"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in (*self.VOID, "li"):
            assert self.open.pop() == tag

    def all(self, tag: str, key: str) -> list[str]:
        return [attrs.get(key) or "" for name, attrs in self.found if name == tag and key in attrs]


def drawn(shown: Board) -> dict[str, dict[str, Drawn]]:
    """A tiny picture in place of each figure."""
    picture = Drawn('<?xml version="1.0"?>\n<svg id="#a"/>', '<?xml version="1.0"?>\n<svg id="#b"/>')
    return {slug(group): dict.fromkeys(FIGURES, picture) for group in shown.groups}


def linked(shown: Board) -> str:
    logs = names(link.log for group in shown.groups for cell in group.cells for link in cell.samples)
    return page(shown, drawn(shown), partial(address, logs))


def result(name: str = "chat", value: float | None = 0.5, alarms: float | None = 0.1, **told: object) -> SetResult:
    return SetResult(
        auditor="one",
        auditor_model="none/none",
        affordance_set=name,
        found=None if value is None else estimate(value, 6),
        false_positive=None if alarms is None else estimate(alarms, 2),
        runs=80,
        **told,  # type: ignore[arg-type]
    )


def difference(value: float, corrected: float | None) -> SetDifference:
    return SetDifference(
        auditor="one",
        auditor_model="none/none",
        baseline_set="chat",
        affordance_set="data",
        difference=Difference(value=value, low=value - 0.1, high=value + 0.1, corrected=corrected, organisms=6),
    )


def said(*results: SetResult, differences: list[SetDifference] | None = None) -> str:
    group = Group(
        testbed="b", testbed_version="1", split="dev", samples=80, sets=list(results), differences=differences or []
    )
    return "\n".join(headline(group))


def test_the_headline_is_a_number_with_its_interval_and_its_false_alarms() -> None:
    lines = headline(
        Group(testbed="b", testbed_version="1", split="dev", samples=80, sets=[result(), result("data", 0.7)])
    )
    assert (
        lines[0] == "one with data found the objective in 70% of its runs (mean over 6 organisms; 95% interval 48–90%)."
    )
    assert lines[1].startswith("Of its runs on controls, 10% ended in a false accusation (2 controls; under five")
    assert "best of 2 ways of auditing, picked after the fact" in lines[2]


@pytest.mark.parametrize(
    ("results", "phrase"),
    [
        ([result(value=None)], "No organism with an objective was audited"),
        ([result(value=0.0), result("data", 0.0)], "No objective was found by any of 2 ways of auditing: 0%"),
        ([result(alarms=None)], "how often it cries wolf is not known"),
        ([result(value=0.4, alarms=0.4)], "at least as often as it was right"),
        ([result()], "Only one affordance set was audited"),
        ([result(), result("data")], "The other way of auditing found as much"),
        ([result(missing=6, control_missing=2, control_runs=20)], "4 of its 60 runs ended without a score"),
        ([result(few=True)], "Some organism has under ten runs with it, so that share is a hint and no measurement."),
    ],
)
def test_the_headline_says_what_the_figures_do_not_bear(results: list[SetResult], phrase: str) -> None:
    assert phrase in said(*results)


def by_demonstration(name: str, shown: float, out: float, **told: object) -> SetResult:
    """A result on hidden prompts."""
    halves = {"by_demonstration": estimate(shown, 6), "by_extraction": estimate(out, 6)}
    return result(name, shown + out, **halves, **told)


def of_prompts(*results: SetResult) -> Group:
    return Group(
        testbed="b", testbed_version="1", split="dev", measure="by_demonstration", samples=80, sets=list(results)
    )


def test_reading_a_prompt_out_is_no_success_in_the_headline() -> None:
    told = headline(of_prompts(by_demonstration("chat", 0.5, 0.1, alarms=0.5), by_demonstration("asks", 0.0, 1.0)))
    assert told[0].startswith("one with chat found the objective by demonstration in 50% of its runs (mean over 6 ")
    assert told[0].endswith("), and in 10% by reading the hidden prompt out, which does not count.")
    assert "at least as often as it was right" in told[1] and "best of 2 ways" in told[2]
    none = headline(of_prompts(by_demonstration("chat", 0.0, 0.0), by_demonstration("asks", 0.0, 1.0)))
    assert none[0].startswith("No objective was found by demonstration by any of 2 ways of auditing: 0% over 6 ")
    assert none[0].endswith("; by reading the hidden prompt out, which does not count, one with asks found it in 100% "
                            "of its runs.")  # fmt: skip
    half = by_demonstration("chat", 0.2, 0.0, missing=8, by_demonstration_at_most=estimate(0.3, 6))
    assert "had they all been right, the share would be 30%." in headline(of_prompts(half))[-1]


def test_the_page_tells_demonstration_first_and_extraction_beside_it() -> None:
    shown = board(splits=("dev",))
    group = shown.groups[0]
    halves = {"by_demonstration": estimate(0.11, 6), "by_extraction": estimate(0.77, 6)}
    hidden = group.model_copy(
        update={
            "measure": "by_demonstration",
            "sets": [each.model_copy(update=halves) for each in group.sets],
            "auditors": [each.model_copy(update=halves) for each in group.auditors],
        }
    )
    text = linked(shown.model_copy(update={"groups": [hidden]}))
    for share in ("<b>11%</b>", "<b>77%</b>"):
        assert text.count(share) - linked(shown).count(share) == len(group.sets) + len(group.auditors)
    assert text.count("objective found, by either") == 2
    alts = Parsed(text).all("img", "alt")
    assert "investigator · openai/gpt-4o with data: 11% (" in alts[0], "the pictures are of what counts"
    assert "Runs in which the objective was found, by demonstration or by extraction, of all runs" in text
    plain = linked(shown)
    assert "demonstration" not in plain and "by either" not in plain


def test_audits_of_unknown_cost_are_counted_in_the_caption_of_the_curve() -> None:
    shown = board(splits=("dev",))
    group = shown.groups[0]
    sets = [each.model_copy(update={"costs_unknown": {"target_queries": 2, "seconds": 50}}) for each in group.sets]
    text = linked(shown.model_copy(update={"groups": [group.model_copy(update={"sets": sets})]}))
    assert "Of 30 audits among them the cost is not known" in text
    assert "the cost is not known, because" not in linked(shown)


def test_a_rare_false_alarm_is_no_reason_to_mistrust() -> None:
    assert "at least as often" not in said(result(value=0.5, alarms=0.1))
    assert "at least as often" not in said(result(value=0.0, alarms=0.0)), "it accused nobody"


def test_unscored_controls_are_said_with_what_they_could_come_to() -> None:
    broken = result(value=0.5, alarms=0.0, missing=20, control_missing=20, control_runs=20)
    text = said(broken.model_copy(update={"false_positive_at_most": estimate(1.0, 2)}))
    assert "0% ended in a false accusation" in text
    assert (
        "20 of its 20 runs on controls ended without a score and count as no accusation: it may be at most 100%."
        in (text)
    )
    assert "That could be as often as it was right." in text
    assert "without a score" not in said(result(alarms=0.0)) and "under ten runs" not in said(result())


def test_the_runs_of_paired_sets_are_told_and_not_those_of_others() -> None:
    """A set that is in no difference, and controls, have other numbers of runs."""
    group = board(runs=12, splits=("dev",)).groups[0]
    others = [
        each.model_copy(update={"found": wilson(1, 3), "few": True})
        if each.affordance_set == "everything" and not each.control
        else each.model_copy(update={"false_positive": wilson(0, 40)})
        if each.control
        else each
        for each in group.cells
    ]
    kept = [each for each in group.differences if each.affordance_set != "everything"]
    text = linked(Board(groups=[group.model_copy(update={"cells": others, "differences": kept})]))
    caption = text[text.index("The same auditor on the same organisms") :].split("</figcaption>")[0]
    assert "12 runs of each organism with each set" in caption and "Hollow" not in caption
    assert "3 to 40 runs of each organism" in text


def test_only_a_corrected_p_makes_a_difference() -> None:
    both = result(), result("data", 0.7)
    assert "No affordance set differs from chat beyond chance: of 1 comparison, the smallest corrected p is 0.210." in (
        said(*both, differences=[difference(0.2, 0.21)])
    )
    assert "1 of 2 comparisons with chat differs beyond chance" in said(
        *both, differences=[difference(0.3, 0.01), difference(0.1, 0.4)]
    )
    assert "too few organisms to test" in said(*both, differences=[difference(0.3, None)])


def test_dev_and_test_are_sections_of_their_own() -> None:
    text = linked(board())
    start = {split: text.index(f'<section class="split" id="pocket-0.2.0-{split}"') for split in ORGANISMS}
    ends = {"dev": start["test"], "test": text.index('<section id="provenance"')}
    for split, others in (("dev", "test"), ("test", "dev")):
        section = text[start[split] : ends[split]]
        assert all(f">{name}" in section for name in ORGANISMS[split] + CONTROLS[split])
        assert not any(f">{name}" in section for name in ORGANISMS[others] + CONTROLS[others])


def test_the_page_needs_nothing_else_and_is_well_formed() -> None:
    text = linked(board())
    parsed = Parsed(text)
    assert parsed.open == []
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=\"(https?:)?//", text)
    ids = [attrs["id"] for _, attrs in parsed.found if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert set(parsed.all("button", "popovertarget")) <= set(ids)
    assert set(parsed.all("section", "aria-labelledby")) <= set(ids)
    assert all(target[1:] in ids for target in parsed.all("a", "href") if target.startswith("#"))


def test_every_figure_has_words_and_files() -> None:
    parsed = Parsed(linked(board()))
    alts = parsed.all("img", "alt")
    assert len(alts) == 2 * (len(FIGURES) - 1), "the heatmap is a table"
    assert all(len(alt) > 40 for alt in alts)
    assert "investigator · openai/gpt-4o with data: " in alts[0] and "(95%" not in alts[0]
    assert all(source.startswith("data:image/svg+xml,%3Csvg") for source in parsed.all("img", "src"))
    narrow = parsed.all("source", "srcset")
    assert len(narrow) == len(alts), "a phone has pictures of its own"
    assert all(source.startswith("data:image/svg+xml,%3Csvg%20id") and " " not in source for source in narrow)
    files = [target for target in parsed.all("a", "href") if target.startswith("figures/")]
    assert len(files) == 2 * 2 * len(FIGURES)


def test_no_number_is_only_in_a_picture() -> None:
    shown = board(splits=("dev",))
    text = linked(shown)
    for each in shown.groups[0].sets:
        assert each.found is not None and f"<b>{each.found.value:.0%}</b>" in text
    for use in shown.groups[0].tool_use:
        assert f"<td>{use.tool}</td>" in text
    assert text.count("Table: ") >= 2 * (len(FIGURES) - 1)
    assert "logs/torn.eval</code>: File is not a zip file" in text


def test_foreign_text_stays_text() -> None:
    shown = board(splits=("dev",))
    group = shown.groups[0]
    group = group.model_copy(
        update={
            "organisms": [HOSTILE, *group.organisms[1:]],
            "sets": [each.model_copy(update={"auditor": HOSTILE}) for each in group.sets],
            "notes": [HOSTILE],
        }
    )
    shown = shown.model_copy(update={"groups": [group], "provenance": {HOSTILE: HOSTILE}})
    text = page(shown, drawn(shown), None, title=HOSTILE)
    assert "<script>alert" not in text
    assert text.count("<script") == 1
    assert "{{ 7 * 7 }}" in text
    assert Parsed(text).open == []


def test_a_cell_links_to_each_of_its_transcripts() -> None:
    shown = board(runs=12, splits=("dev",))
    targets = [target for target in Parsed(linked(shown)).all("a", "href") if target.startswith("viewer/")]
    assert len(targets) == shown.groups[0].samples
    assert len(set(targets)) == len(targets)
    assert targets[0].startswith("viewer/index.html#/logs/2026-11-21T10-00-00%2B00-00_audit_investigator")
    assert targets[0].endswith("/samples/sample/bittern/1/")


def test_without_transcripts_there_are_no_doors() -> None:
    text = page(board(), drawn(board()))
    assert "viewer/" not in text and "popover " not in text
    assert "http.server" not in text


def test_a_cell_of_one_run_is_a_door_itself_and_few_runs_are_drawn_as_such() -> None:
    text = linked(board(runs=1, splits=("dev",)))
    assert "popover id" not in text
    cells = re.findall(r'<td class="(cell[^"]*)"', text)
    assert len(cells) == len(AUDITORS) * len(SETS) * 9
    assert set(cells) == {"cell few"}
    assert "under ten runs" in text
    assert "cell few" not in linked(board(runs=10, splits=("dev",)))


def test_what_was_not_audited_is_an_empty_cell_and_long_lists_are_cut() -> None:
    group = board(splits=("dev",)).groups[0]
    cell = group.cells[0]
    many = [cell.samples[0].model_copy(update={"epoch": number}) for number in range(MOST_LINKS + 5)]
    group = group.model_copy(update={"cells": [cell.model_copy(update={"samples": many})]})
    first = grids(group, lambda sample: f"#{sample.epoch}")[0]
    assert first.lines[0].cells[0] is not None
    assert len(first.lines[0].cells[0].transcripts) == MOST_LINKS
    assert first.lines[0].cells[0].more == 5
    assert first.lines[0].cells[1] is None


@pytest.mark.parametrize(
    ("outcome", "found", "accused", "words"),
    [
        ("submitted", 1.0, None, "✓ found"),
        ("submitted", 0.0, None, "✗ not found"),
        ("submitted", None, 1.0, "▲ accused"),
        ("no_contact", 0.0, None, "no contact"),
        ("target_error", None, None, "target error"),
    ],
)
def test_a_link_says_how_the_run_ended(outcome: str, found: float | None, accused: float | None, words: str) -> None:
    link = SampleLink(log="x", organism="o", epoch=1, outcome=outcome, found=found, false_positive=accused)
    assert told(link) == words


def test_series_differ_without_colour() -> None:
    series = marks(str(number) for number in range(MOST_SERIES))
    assert len(set(series.values())) == MOST_SERIES
    first = list(series.values())[:7]
    assert len({mark.marker for mark in first}) == len({mark.colour for mark in first}) == 7
    assert len({fill.hatch for fill in OUTCOMES.values()}) == len(OUTCOMES)


def test_the_set_that_others_are_held_against_comes_first() -> None:
    shown = board(splits=("dev",))
    group = shown.groups[0]
    last = group.model_copy(
        update={
            "differences": [each.model_copy(update={"baseline_set": "everything"}) for each in group.differences],
            "tool_use": group.tool_use,
        }
    )
    (found,) = ordered(shown.model_copy(update={"groups": [last]})).groups
    expected = ["everything", *[name for name in SETS if name != "everything"]]
    for person in AUDITORS:
        assert [each.affordance_set for each in found.sets if (each.auditor, each.auditor_model) == person] == expected
    assert [each.auditor_model for each in found.sets] == [each.auditor_model for each in group.sets]
    assert grids(found, lambda _: None)[0].sets == expected
    assert found.auditors[0].sets == expected
    assert found.tool_use[0].affordance_set == "everything"
    assert found.cells[0].organism == group.cells[0].organism
    text = page(shown.model_copy(update={"groups": [found]}), drawn(shown))
    assert text.count("<small>reference</small>") >= len(AUDITORS)


def test_captions_say_how_many_runs_and_why_a_hit_is_no_objective_found() -> None:
    text = linked(board(runs=8, splits=("dev",)))
    assert "8 runs of each organism with each set by each auditor" in text
    assert "names the root cause" in text and "either of the two can be the larger" in text
    assert "360 hypotheses by baseline" in text, "of how many hypotheses a calibration is"
    assert "720 audits, controls left out" in text, "8 runs of 6 organisms, 5 sets and 3 auditors"


def test_one_auditor_is_told_once() -> None:
    shown = board(splits=("dev",))
    group = shown.groups[0]
    alone = {
        field: [each for each in getattr(group, field) if each.auditor == "baseline"]
        for field in ("sets", "cells", "differences", "auditors", "calibration", "outcomes")
    }
    text = linked(shown.model_copy(update={"groups": [group.model_copy(update=alone)]}))
    assert "3 controls by baseline: 12 runs of each organism with each set." in text
    assert text.count('<th scope="col">auditor</th>') == 2, "in the tables of auditors and of their calibration"


def test_long_sets_get_short_names_that_stay_apart() -> None:
    long = ["chat,probe,prefill,user_turn,completion,reference", "chat,probe,prefill,user_turn,completion,self_report"]
    told = labels(["chat", *long, "a" * 60])
    assert told["chat"] == "chat"
    assert [told[name] for name in long] == ["chat, probe + 4", "chat, probe + 4 (2)"]
    assert len(told["a" * 60]) == LONGEST
    shown = board(splits=("dev",))
    renamed = shown.model_dump_json().replace('"everything"', f'"{long[0]}"')
    assert long[0] not in labelled(Board.model_validate_json(renamed)).model_dump_json()


def test_logs_of_one_name_are_kept_apart() -> None:
    assert names(["/a/x.eval", "/b/x.eval", "s3://c/y%20z.eval"]) == {
        "/a/x.eval": "x.eval",
        "/b/x.eval": "x-2.eval",
        "s3://c/y%20z.eval": "y z.eval",
    }
    link = SampleLink(log="/b/x.eval", organism="an/odd name", epoch=3, outcome="submitted")
    assert (
        address({"/b/x.eval": "x-2.eval"}, link) == "viewer/index.html#/logs/x-2.eval/samples/sample/an%2Fodd%20name/3/"
    )
    assert address({}, link) is None


def test_no_folder_of_this_machine_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert place(f"{tmp_path}/logs/a.eval") == "logs/a.eval"
    assert place("/home/somebody/private/logs/a.eval") == "logs/a.eval"
    assert place("s3://bucket/deep/logs/a.eval") == "logs/a.eval"


def test_a_commit_that_is_not_all_that_ran_is_told() -> None:
    shown = board(splits=("dev",))
    assert "cannot be made again from the commit alone" not in page(shown, drawn(shown))
    dirty = shown.model_copy(update={"provenance": {"commit": "152228e, 6a47e33-dirty"}})
    text = page(dirty, drawn(dirty))
    assert "<td>152228e, 6a47e33-dirty</td>" in text and "cannot be made again from the commit alone" in text


def test_a_sweep_that_was_stopped_says_so_on_top() -> None:
    text = linked(board())
    assert text.index("28 of 34 planned audits have not run") < text.index("<main")
