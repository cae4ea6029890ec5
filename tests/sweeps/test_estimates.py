"""What a plan says a sweep will spend: from earlier audits, else from the budget, else that nobody knows."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalSampleSummary
from inspect_ai.model import Model, ModelOutput
from tests.conftest import Call, FakeBackend

from cordelia.solvers.auditors.investigator import investigator
from cordelia.sweeps.cells import cells_of
from cordelia.sweeps.estimates import UNKNOWN, Estimate, Figure, Ground, estimate_of
from cordelia.sweeps.history import History, Spent, key_of, read_history, seconds_each
from cordelia.sweeps.places import log_files
from cordelia.sweeps.plan import Plan, ground, headline, plan_of, table
from cordelia.sweeps.prices import set_prices
from cordelia.sweeps.schema import Sweep
from cordelia.tasks.audit import audit

Small = Callable[..., Sweep]
SPENT = Spent(tokens=1000, queries=20, money=0.5, seconds=30)
ASKS = {"name": "asks", "solver": "cordelia/investigator", "model": "dear/one"}


def plan(sweep: Sweep, history: History | None = None, finished: dict[str, int] | None = None) -> Plan:
    cells = cells_of(sweep)
    return plan_of(sweep, cells, cells, history or History(), finished or {})


def test_the_most_alike_audits_count() -> None:
    history = History()
    mine = key_of("cordelia/asks", "dear/one", "bed", {"turns": 3, "seed": None}, ["chat"])
    history.add(mine, [SPENT])
    other = Spent(tokens=5000, queries=1, money=None, seconds=None)
    history.add(key_of("pkg/asks", "dear/one", "bed", {"turns": 3}, ["chat", "prefill"]), [other])
    assert history.like(mine) == ([SPENT], True)
    assert history.like(key_of("asks", "dear/one", "bed", {"turns": 3}, ["probe"])) == ([SPENT, other], False)
    assert history.like(key_of("asks", "dear/one", "lake", {}, ["probe"])) == ([SPENT, other], False)
    assert history.like(key_of("asks", "dear/two", "bed", {"turns": 3}, ["chat"])) == ([], False)


def test_the_default_auditor_is_known_by_its_model() -> None:
    assert key_of("auditor", "none", "bed", {}, []) == key_of("cordelia/baseline", "none/none", "bed", {}, [])
    assert key_of("auditor", "a/b", "bed", {}, []) == key_of("cordelia/investigator", "a/b", "bed", {}, [])


def test_from_earlier_audits_of_the_samples_that_are_left(small: Small) -> None:
    sweep = small(auditors=[ASKS])
    history = History()
    history.add(key_of("investigator", "dear/one", "bed", {}, ["chat"]), [SPENT, Spent(3000, 40, 1.5, 50)])
    made = plan(sweep, history, {"asks/talk/bed": 3})
    assert [row.left for row in made.rows] == [1, 4]
    assert made.rows[0].estimate == Estimate(Figure(2000), Figure(30), Figure(1.0), Figure(40), Ground.SAME)
    assert made.rows[1].estimate.ground is Ground.AKIN
    assert made.total == Estimate(Figure(10_000), Figure(150), Figure(5.0), Figure(200), Ground.AKIN)
    assert headline(made).endswith("= 8 samples; still to run: 5")
    assert "1 cell from earlier audits of the same kind; 1 cell from earlier audits of the same auditor" in ground(made)


def test_from_the_budget_as_an_upper_bound(small: Small) -> None:
    budget = {"target_queries": 10, "auditor_tokens": 1_000_000}
    sweep = small(auditors=[ASKS], affordances=["chat"], budgets=budget, prices={"dear/one": {"input": 2, "output": 8}})
    set_prices(sweep.prices)
    [cell] = cells_of(sweep)
    assert estimate_of(sweep, cell, History()) == Estimate(
        Figure(1_000_000, True), Figure(10, True), UNKNOWN, UNKNOWN, Ground.BUDGET
    ), "the base of the targets is somebody's model, whose price nobody said"
    free = small(
        auditors=[ASKS], affordances=["chat"], budgets=budget, testbeds=[{"testbed": sweep.testbeds[0].testbed}]
    )
    [cell] = cells_of(free)
    assert estimate_of(free, cell, History()).money == Figure(8.0, True)
    shown = plan(free)
    assert [cell for column in table(shown).columns for cell in column.cells][-8:] == [
        *("≤ 4M", "≤ 4M"), *("≤ 40", "≤ 40"), *("≤ $32.00", "≤ $32.00"), *("unknown", "unknown"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("auditor", "keys", "tokens", "money"),
    [
        ({"model": "none"}, {}, Figure(0), Figure(0)),
        ({"model": "hf/mine"}, {}, Figure(None, True), Figure(0)),
        ({"model": "unpriced/one"}, {"budgets": {"auditor_tokens": 10}}, Figure(10, True), UNKNOWN),
        ({"model": "none", "model_roles": {"grader": "unpriced/one"}}, {}, Figure(None, True), UNKNOWN),
        ({"model": "none", "model_roles": {"grader": "unpriced/one"}}, {"grader": "offline"}, Figure(0), Figure(0)),
        (
            {"model": "none", "model_roles": {"helper": "hf/a"}},
            {"budgets": {"helper_tokens": 7}, "affordances": ["scaffolded_chat"]},
            Figure(7, True),
            Figure(0),
        ),
    ],
)
def test_who_spends(
    small: Small, auditor: dict[str, object], keys: dict[str, object], tokens: Figure, money: Figure
) -> None:
    bed = small().testbeds[0].testbed
    sweep = small(**{"auditors": [{"name": "asks"} | auditor], "affordances": ["chat"], "testbeds": [bed]} | keys)
    [cell] = cells_of(sweep)
    found = estimate_of(sweep, cell, History())
    assert (found.tokens, found.money) == (tokens, money)


def test_pauses_between_samples_are_no_time_of_theirs() -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)

    def sample(start: float, end: float) -> EvalSampleSummary:
        moments = [(began + timedelta(seconds=second)).isoformat() for second in (start, end)]
        return EvalSampleSummary(id=1, epoch=1, input="", target="", started_at=moments[0], completed_at=moments[1])

    assert seconds_each([sample(0, 10), sample(2, 12), sample(1000, 1008), sample(3, 5)]) == pytest.approx(20 / 4)
    assert seconds_each([]) is None


def test_what_logs_say(
    bed: Path, fake_backend: list[FakeBackend], scripted: Callable[..., Model], tmp_path: Path
) -> None:
    turns: list[Call | ModelOutput] = [
        ("chat", {"messages": ["Hello."]}),
        ("submit_report", {"nothing_hidden": True, "hypotheses": []}),
    ]
    task = audit(testbed=str(bed), affordances="chat", backend="fake", base="some/base", organisms="elm")
    [log] = inspect_eval(task, model=scripted(turns), solver=investigator(), log_dir=str(tmp_path), display="none")
    assert log.status == "success"
    (tmp_path / "2026_damaged.eval").write_bytes(b"no log")
    [spent], same = read_history(log_files(str(tmp_path))).like(
        key_of("auditor", "mockllm/auditor", "bed", {}, ["chat"])
    )
    assert same
    assert (spent.tokens, spent.queries) == (30, 1)
    assert spent.money is None, "the base is somebody's model, whose price nobody said"
    assert spent.seconds is not None and 0 < spent.seconds < 60
