"""The board: everything that a page, a comparison or a leaderboard shows, as plain data.

A group is one testbed, version and split, and nothing here holds a number over two of them.
"""

from pydantic import Field

from cordelia.contracts.content import Content
from cordelia.contracts.rate import Rate
from cordelia.scoreboard.headline import Main
from cordelia.scoreboard.statistics.models import Calibration, CostPoint, Difference, Estimate


class Skipped(Content):
    """A file that gave no rows, and why."""

    file: str
    why: str


class SampleLink(Content):
    """One audit behind a cell: where its transcript is, how it ended and what was found (or claimed, of a control)."""

    log: str
    organism: str
    epoch: int
    outcome: str
    found: float | None = None
    false_positive: float | None = None


class SetResult(Content):
    """One auditor with one affordance set over all organisms of a group.

    The means count every audit: what is missing counts as not found and, of a control, as no false alarm. The
    `…_at_most` figures count what is missing the other way, so the truth of a complete sweep lies between.

    Attributes:
        found, hit_at_1, behaviours_found: over organisms with an objective.
        by_demonstration, by_extraction: the two parts of `found`, over organisms that have a hidden prompt; the first
            is what counts there (`Group.measure`). None where no organism has one.
        precision: of the hypotheses that were reported; audits without any are left out.
        false_positive: over controls.
        hit_curve: over audits, for the first 1, 2, … 10 hypotheses.
        runs: all planned audits. control_runs: those of controls.
        missing: of `runs`, those that were not run, or that a broken target, grader or eval left without a score.
            control_missing: likewise.
        few: some organism has under ten runs.
        costs: the median audit's, by name of the cost.
        cost_per_success: money (US dollars) spent on organisms for each objective found, however it was found; None
            where it is not known.
        per_success: likewise for every cost, in its unit.
        cost_curves: by cost, the share of all audits that found the objective within a budget.
        costs_unknown: by cost of a curve, the audits whose cost is not known; those that found the objective count at
            the curve's end alone. Only costs of which there are any.
    """

    auditor: str
    auditor_model: str
    affordance_set: str
    affordances: list[str] = []
    found: Estimate | None = None
    found_at_most: Estimate | None = None
    by_demonstration: Estimate | None = None
    by_demonstration_at_most: Estimate | None = None
    by_extraction: Estimate | None = None
    hit_at_1: Estimate | None = None
    precision: Estimate | None = None
    behaviours_found: Estimate | None = None
    false_positive: Estimate | None = None
    false_positive_at_most: Estimate | None = None
    hit_curve: list[Rate] = []
    runs: int
    control_runs: int = 0
    missing: int = 0
    control_missing: int = 0
    few: bool = False
    costs: dict[str, float] = {}
    cost_per_success: float | None = None
    per_success: dict[str, float] = {}
    cost_curves: dict[str, list[CostPoint]] = {}
    costs_unknown: dict[str, int] = {}


class CellResult(Content):
    """One auditor with one affordance set on one organism.

    `found` is of organisms with an objective, `false_positive` of controls; `few`: under ten runs. `outcomes` and the
    rates count audits that were not run (`not_run`), `samples` has none of them.
    """

    auditor: str
    auditor_model: str
    affordance_set: str
    organism: str
    control: bool
    found: Rate | None = None
    false_positive: Rate | None = None
    few: bool
    missing: int = 0
    outcomes: dict[str, int] = {}
    samples: list[SampleLink] = []


class SetDifference(Content):
    """What an affordance set adds to the baseline set by the same auditor, in what `Group.measure` counts."""

    auditor: str
    auditor_model: str
    baseline_set: str
    affordance_set: str
    difference: Difference


class AuditorResult(Content):
    """One auditor over all of its affordance sets, each set weighing the same.

    Fields mean what they mean in `SetResult`: what is missing counts so, and the other way in the `…_at_most` figures.
    """

    auditor: str
    auditor_model: str
    found: Estimate | None = None
    found_at_most: Estimate | None = None
    by_demonstration: Estimate | None = None
    by_demonstration_at_most: Estimate | None = None
    by_extraction: Estimate | None = None
    false_positive: Estimate | None = None
    false_positive_at_most: Estimate | None = None
    runs: int
    missing: int = 0
    sets: list[str] = []


class NamedCalibration(Content):
    """The confidences of one auditor, over all of its affordance sets."""

    auditor: str
    auditor_model: str
    calibration: Calibration


class ToolUse(Content):
    """Who called a tool: the share of audits that found the objective, and of those that did not.

    `first_by_winners`: where in an audit's tool calls the first one stands, from 0 to 1; the winners' median.
    """

    affordance_set: str
    tool: str
    by_winners: float | None = None
    by_others: float | None = None
    winners: int = 0
    others: int = 0
    first_by_winners: float | None = None
    calls: int


class OutcomeCount(Content):
    """How many audits ended in one way."""

    affordance_set: str
    auditor: str
    auditor_model: str = ""
    outcome: str
    count: int


class Gap(Content):
    """From tool to agent: what an affordance's evidence identifies, and what auditors that had it found."""

    affordance: str
    identified: Rate
    found: Rate


class Agreement(Content):
    """Two graders on the same audits of organisms with an objective, or a grader and the labels of known reports.

    Attributes:
        second: the other grader, or `labels`.
        measure: what they were asked: `objective found`, or `hit` (of labels).
        n: what both judged; both, first_only, second_only, neither: who said yes, summing to `n`.
        unscored: what one of the two could not judge; in none of the counts above.
        agree: how often they said the same.
        kappa: Cohen's; None where one of them always says the same. low, high: its interval, resampled by organism
            (of labels: by report).
    """

    first: str
    second: str
    measure: str = "objective found"
    n: int
    both: int
    first_only: int
    second_only: int
    neither: int
    unscored: int = 0
    agree: Rate | None = None
    kappa: float | None = None
    low: float | None = None
    high: float | None = None


class Group(Content):
    """One testbed, version and split.

    Attributes:
        measure: what counts as success, ranks the auditors and is what sets differ in.
        prompted: the organisms that `measure` is over, where it is by_demonstration.
        notes: what a reader of its figures must know.
    """

    testbed: str
    testbed_version: str
    split: str
    measure: Main = "objective_found"
    samples: int = Field(ge=0)
    organisms: list[str] = []
    prompted: list[str] = []
    controls: list[str] = []
    notes: list[str] = []
    sets: list[SetResult] = []
    cells: list[CellResult] = []
    differences: list[SetDifference] = []
    auditors: list[AuditorResult] = []
    calibration: list[NamedCalibration] = []
    tool_use: list[ToolUse] = []
    outcomes: list[OutcomeCount] = []
    gaps: list[Gap] = []
    agreement: list[Agreement] = []


class Board(Content):
    """All groups of a pile of logs, where they come from, and which files gave nothing."""

    groups: list[Group] = []
    provenance: dict[str, str] = {}
    passed_over: list[Skipped] = []
    damaged: list[Skipped] = []
    unfinished: list[Skipped] = []
