"""Every way an audit can end, played in one eval: each sample ends in its outcome, and none vanishes."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import outcome_cast
import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog, EvalSample, read_eval_log
from inspect_ai.model import ChatMessageTool, Model, ModelAPI
from outcome_cast import (
    CONTROL,
    LINES,
    SCENARIOS,
    auditor_model,
    breaks_on,
    cast,
    grader_model,
    helper_model,
    write_stage,
)
from tenacity import wait_none

from cordelia.contracts.outcome import Outcome
from cordelia.scoreboard.rows import rows_of
from cordelia.solvers import equip
from cordelia.solvers.affordances import chat
from cordelia.tasks.audit import audit
from cordelia.testbeds.backends import registry

KINDS = ("organism", "control")
CLOCKED = [name for name in SCENARIOS if SCENARIOS[name].get("waits")]
TIME_LIMIT = 6
"""Seconds of the audits that end by the clock, which play apart: on a slow machine it would end others, too."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The testbed, with its backend known and with no pause before a busy target is asked again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.OURS, "stage", "outcome_cast:stage_backend")
        patch.setattr(ModelAPI, "retry_wait", lambda self: wait_none())
        refuse = equip.refuse_missing_helper
        patch.setattr(equip, "refuse_missing_helper", breaks_on("setup-breaks", "no room on this machine", refuse))
        patch.setattr(chat, "Target", breaks_on("affordance-breaks", "a bug in an affordance", chat.Target))
        yield write_stage(tmp_path_factory.mktemp("outcomes") / "stage")


def play(stage: Path, names: Sequence[str], graders: list[Model], time_limit: int | None = None) -> EvalLog:
    task = audit(
        testbed=str(stage),
        organisms=names,
        affordances="chat",
        tools=[f"{outcome_cast.__file__}@{name}" for name in outcome_cast.TOOLS],
        backend="stage",
        auditor_tokens=1_000,
        helper_tokens=50,
        target_queries=20,
    )
    [log] = inspect_eval(
        task,
        model=auditor_model(),
        solver=cast(),
        model_roles={"grader": graders, "helper": helper_model()},
        max_retries=1,
        max_samples=20,
        time_limit=time_limit,
        turn_limit=10,
        message_limit=30,
        log_dir=str(stage.parent / "logs"),
        display="none",
        log_realtime=False,
    )
    assert log.status == "success", log.error
    return read_eval_log(log.location)


@pytest.fixture(scope="module")
def logs(stage: Path) -> dict[bool, EvalLog]:
    """All scenarios, on organisms and on controls, before a panel of two graders; apart, those with a time limit."""
    found = {}
    for clocked in (False, True):
        names = [name + suffix for name in SCENARIOS if (name in CLOCKED) is clocked for suffix in ("", CONTROL)]
        panel = [grader_model("first"), grader_model("second")]
        found[clocked] = play(stage, names, panel, TIME_LIMIT if clocked else None)
    return found


def sample_of(logs: dict[bool, EvalLog], scenario: str, kind: str) -> EvalSample:
    samples = logs[scenario in CLOCKED].samples
    assert samples
    return next(sample for sample in samples if sample.id == scenario + (CONTROL if kind == "control" else ""))


def scores_of(sample: EvalSample) -> dict[str, float]:
    """All numbers of a sample's scores; what does not apply is NaN."""
    numbers: dict[str, float] = {}
    for score in (sample.scores or {}).values():
        if isinstance(score.value, Mapping):
            numbers.update({key: float(value) for key, value in score.value.items() if value is not None})  # type: ignore[arg-type]
    return numbers


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_ends_as_the_table_says(logs: dict[bool, EvalLog], scenario: str, kind: str) -> None:
    expected: dict[str, Any] = dict(SCENARIOS[scenario][kind])
    sample = sample_of(logs, scenario, kind)
    assert sample.scores is not None
    outcome, verdict = sample.scores["outcome"], sample.scores["verdict"]
    wanted = expected.pop("outcome")
    assert outcome.value == wanted, outcome.explanation
    if wanted == SCENARIOS[scenario]["organism"]["outcome"] and "because" in SCENARIOS[scenario]:
        assert SCENARIOS[scenario]["because"] in outcome.metadata["reason"]  # type: ignore[index]
    if "told" in SCENARIOS[scenario]:
        results = [message for message in sample.messages if isinstance(message, ChatMessageTool)]
        assert any(result.error and SCENARIOS[scenario]["told"] in result.error.message for result in results)
    unscored = expected.pop("unscored", None)
    assert Outcome(wanted).scored is (unscored is None)
    if unscored is not None:
        assert verdict.reason == unscored and math.isnan(verdict.as_float())
        assert verdict.explanation, "says why"
        return
    found = scores_of(sample)
    assert {key: found[key] for key in expected} == expected
    foreign = {"organism": "false_positive", "control": "objective_found"}[kind]
    assert math.isnan(found.get(foreign, math.nan)), "what does not apply is not measured"


def test_every_outcome_has_a_scenario() -> None:
    assert {SCENARIOS[name][kind]["outcome"] for name in SCENARIOS for kind in KINDS} == set(Outcome)


def test_every_line_belongs_to_a_scenario() -> None:
    assert set(LINES) <= set(SCENARIOS)


def expected_of(clocked: bool) -> list[dict[str, Any]]:
    """What the samples of one of the two evals must say."""
    return [SCENARIOS[name][kind] for name in SCENARIOS if (name in CLOCKED) is clocked for kind in KINDS]


@pytest.mark.parametrize("clocked", [False, True])
def test_nothing_vanishes(logs: dict[bool, EvalLog], clocked: bool) -> None:
    """One outcome a sample, in the log, in the metric and on the scoreboard."""
    log, everything = logs[clocked], Counter(each["outcome"] for each in expected_of(clocked))
    assert log.samples and log.results
    assert len(log.samples) == everything.total()
    [shares] = [score for score in log.results.scores if score.scorer == "outcome"]
    assert shares.scored_samples == len(log.samples) and not shares.unscored_samples
    counted = {name: metric.value * len(log.samples) for name, metric in shares.metrics.items()}
    assert counted == pytest.approx({outcome.value: everything[outcome.value] for outcome in Outcome})
    rows = rows_of(log)
    assert Counter(row.outcome for row in rows) == everything
    assert len({(row.organism, row.epoch) for row in rows}) == len(log.samples)


def test_one_eval_holds_every_outcome(logs: dict[bool, EvalLog]) -> None:
    assert {row.outcome for row in rows_of(logs[False])} == set(Outcome)


@pytest.mark.parametrize("clocked", [False, True])
@pytest.mark.parametrize("key", ["objective_found", "false_positive"])
def test_the_unscored_leave_the_means_alone_and_nothing_else_does(
    logs: dict[bool, EvalLog], clocked: bool, key: str
) -> None:
    results = logs[clocked].results
    assert results
    [score] = [score for score in results.scores if score.name == key]
    found = {name.rpartition("/")[2]: metric.value for name, metric in score.metrics.items()}
    scored = [each[key] for each in expected_of(clocked) if key in each]
    assert found["dev_n"] == len(scored)
    assert found["dev_mean"] == pytest.approx(sum(scored) / len(scored))


def test_an_audit_that_failed_has_cost_as_much(logs: dict[bool, EvalLog]) -> None:
    for sample in [*(logs[False].samples or []), *(logs[True].samples or [])]:
        assert sample.scores is not None
        cost = sample.scores["cost"].value
        assert isinstance(cost, Mapping) and not any(math.isnan(float(value)) for value in cost.values())  # type: ignore[arg-type]


def test_the_docs_say_which_outcomes_are_scored() -> None:
    text = (Path(__file__).parents[2] / "docs/outcomes.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `(\w+)` \| .* \| (yes|no)\b.*\|$", text, re.MULTILINE))
    assert table == {outcome.value: "yes" if outcome.scored else "no" for outcome in Outcome}


@pytest.mark.parametrize("scenario", ["graders-raise", "graders-rubbish"])
def test_a_grader_alone_fails_like_a_panel(stage: Path, scenario: str) -> None:
    [sample] = play(stage, [scenario], [grader_model("first")]).samples or []
    assert sample.scores is not None
    assert sample.scores["outcome"].value == "grader_failed"
    assert SCENARIOS[scenario]["because"] in sample.scores["outcome"].metadata["reason"]  # type: ignore[index]
    assert sample.scores["verdict"].reason == "grader_failed"
