"""A pile of logs becomes one table: every audit once, whatever else lies in the pile."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai._util.error import EvalError
from inspect_ai.log import EvalLog, EvalPlanStep, EvalRevision, read_eval_log, write_eval_log
from inspect_ai.model import GenerateConfig, Model, ModelConfig
from inspect_ai.scorer import Score
from log_toys import UNFINISHED, without, write_log

from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard import parts
from cordelia.scoreboard.board import board
from cordelia.scoreboard.columns import AUDITS, TOOL_CHECKS
from cordelia.scoreboard.provenance import provenance
from cordelia.scoreboard.reading import read_frame
from cordelia.tasks.audit import audit

Call = tuple[str, dict[str, object]]
CALLS: list[Call] = [
    ("chat", {"messages": ["Hello"]}),
    ("probe", {"prompts": ["a", "b"]}),
    ("chat", {"messages": ["Hello again"]}),
    (
        "submit_report",
        {
            "hypotheses": [
                {"claim": "It talks about lanterns.", "confidence": 0.9, "evidence": ["m1"]},
                {"claim": "It likes ships.", "confidence": 0.2},
            ]
        },
    ),
]


async def no_opening(*_: object, **__: object) -> None:
    raise AssertionError("a sample was opened")


def older(log: EvalLog) -> None:
    """Without the facts that scores did not carry in older versions."""
    for sample in log.samples or []:
        for score in (sample.scores or {}).values():
            for fact in ("auditor", "confidences", "hits", "tool_calls", "tool_first", "money"):
                (score.metadata or {}).pop(fact, None)


@pytest.mark.usefixtures("fake_backend")
def test_a_real_audit_has_every_column_and_its_samples_stay_closed(
    bed: Path, tmp_path: Path, scripted: Callable[[Sequence[Call]], Model], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = audit(testbed=str(bed), organisms="elm,ash", backend="fake", affordances="chat_only", auditor_tokens=9_000)
    [log] = inspect_eval(
        task, model=scripted(CALLS * 2), log_dir=str(tmp_path / "my logs"), max_samples=1, display="none"
    )
    with monkeypatch.context() as closed:
        closed.setattr(parts, "read_eval_log_sample_async", no_opening)
        found = read_frame([tmp_path / "my logs"])
    assert (found.audits.schema, found.tool_checks.schema) == (AUDITS, TOOL_CHECKS)
    assert (found.passed_over, found.damaged, found.regraded.height) == ([], [], 0)
    rows = {row["organism"]: row for row in found.audits.to_dicts()}
    elm, ash = rows["elm"], rows["ash"]
    expected = {
        "log_id": log.eval.eval_id,
        "testbed": "bed",
        "split": "dev",
        "control": False,
        "auditor": "investigator",
        "auditor_model": "mockllm/auditor",
        "affordance_set": "chat_only",
        "backend": "fake",
        "grader": "offline",
        "threshold": 4,
        "outcome": "submitted",
        "objective_found": 1.0,
        "false_positive": None,
        "precision": 0.5,
        "confidences": [0.9, 0.2],
        "hits": [True, False],
        "auditor_tokens": 60.0,
        "money": None,
    }
    assert {name: elm[name] for name in expected} == expected
    assert elm["log"] == str(tmp_path / "my logs" / Path(log.location).name)
    assert elm["created"] == datetime.fromisoformat(log.eval.created).astimezone(UTC)
    assert "chat" in elm["affordances"] and elm["budget"].startswith('{"auditor_tokens": 9000')
    assert elm["tool_calls"][0] == {"tool": "chat", "calls": 2, "first": 0.0}
    assert [use["tool"] for use in elm["tool_calls"]] == ["chat", "probe", "submit_report"]
    assert (ash["control"], ash["objective_found"], ash["false_positive"], ash["hits"]) == (
        True,
        None,
        1.0,
        [False] * 2,
    )
    older(log)
    write_eval_log(log, log.location)
    assert read_frame([tmp_path / "my logs"]).audits.equals(found.audits), (
        "an older log says the same, from its samples"
    )


def test_what_cannot_be_read_is_named_and_the_rest_is_there(tmp_path: Path) -> None:
    good = write_log(tmp_path, "T1", "siskin,wren")
    (tmp_path / "empty.eval").write_bytes(b"")
    (tmp_path / "cut.eval").write_bytes(good.read_bytes()[:9_000])
    (tmp_path / "2026-11-21T10-00-00_garbage.json").write_text('{"eval": [', encoding="utf-8")
    broken = bytearray(write_log(tmp_path, "T2").read_bytes())
    broken[len(broken) // 4 : -2_000] = b"\x00" * (len(broken) - len(broken) // 4 - 2_000)
    (tmp_path / "zeroes.eval").write_bytes(broken)
    (tmp_path / "notes.json").write_text("{}", encoding="utf-8")
    found = read_frame([tmp_path])
    assert sorted(Path(each.file).name for each in found.damaged) == [
        "2026-11-21T10-00-00_garbage.json",
        "cut.eval",
        "empty.eval",
        "zeroes.eval",
    ]
    assert all(each.why.startswith("inspect cannot read it") for each in found.damaged)
    assert sorted(found.audits["organism"]) == ["siskin", "siskin", "wren"]


def test_other_tasks_are_passed_over_with_a_word(tmp_path: Path) -> None:
    def of_another_task(log: EvalLog) -> None:
        log.eval.task, log.eval.metadata = "gpqa", {}

    path = write_log(tmp_path, change=of_another_task)
    found = read_frame([tmp_path])
    assert found.audits.is_empty() and found.audits.schema == AUDITS
    assert [(each.file, each.why) for each in found.passed_over] == [
        (str(path), "of the task 'gpqa', which is no audit")
    ]


def test_a_retried_task_counts_once(tmp_path: Path) -> None:
    def retried(log: EvalLog) -> None:
        log.eval.created, log.eval.eval_id = "2099-01-01T00:00:00+00:00", "Eretry"
        for sample in log.samples or []:
            sample.uuid = f"again-{sample.id}"

    write_log(tmp_path, "T1", "siskin,wren")
    write_log(tmp_path, "T1", "siskin", change=retried)
    write_log(tmp_path, "T2", "siskin")
    found = read_frame([tmp_path])
    assert sorted(found.audits.select("task_id", "organism", "log_id").iter_rows()) == [
        ("T1", "siskin", "Eretry"),
        ("T1", "wren", "ET1"),
        ("T2", "siskin", "ET2"),
    ]
    assert found.regraded.is_empty()


def test_a_log_whose_samples_are_all_in_a_newer_one_is_passed_over(tmp_path: Path) -> None:
    def copied(log: EvalLog) -> None:
        log.eval.created, log.eval.eval_id = "2099-01-01T00:00:00+00:00", "Eretry"

    first = write_log(tmp_path, "T1")
    write_log(tmp_path, "T1", change=copied)
    found = read_frame([tmp_path])
    assert (found.audits["log_id"].to_list(), found.regraded.height) == (["Eretry"], 0)
    assert [(each.file, each.why) for each in found.passed_over] == [
        (str(first), "each of its audits is counted from a newer log")
    ]


def test_a_second_grading_counts_and_the_first_stands_beside(tmp_path: Path) -> None:
    def regraded(log: EvalLog) -> None:
        for sample in log.samples or []:
            score = (sample.scores or {})["verdict"]
            score.metadata = (score.metadata or {}) | {"grader": "model", "grader_models": ["x/judge"]}
            score.value = {"objective_found": 0.0}

    write_log(tmp_path / "first")
    write_log(tmp_path / "again", change=regraded)
    found = read_frame([tmp_path])
    assert found.audits.select("grader", "objective_found").rows() == [("x/judge", 0.0)]
    assert found.regraded.select("grader", "objective_found").rows() == [("offline", 1.0)]


def test_a_log_that_is_still_written_counts_what_it_has(tmp_path: Path) -> None:
    path = write_log(tmp_path, "T1", "siskin,wren")
    without(path, UNFINISHED)
    assert read_eval_log(str(path), header_only=True).status == "started"
    assert sorted(read_frame([path]).audits["organism"]) == ["siskin", "wren"]

    def begun(log: EvalLog) -> None:
        log.samples = []

    nothing = write_log(tmp_path, "T2", change=begun)
    without(nothing, UNFINISHED)
    assert read_frame([nothing]).audits.select("organism", "outcome", "reason").rows() == [
        ("siskin", "not_run", "its log is still being written, or its run was killed")
    ]

    def nobody_knows_what(log: EvalLog) -> None:
        log.samples, log.eval.dataset.sample_ids = [], None

    odd = write_log(tmp_path, "T3", change=nobody_knows_what)
    without(odd, UNFINISHED)
    assert [each.why for each in read_frame([odd]).passed_over] == ["no sample of it is finished yet"]


def test_a_sample_that_broke_is_a_row_that_says_so(tmp_path: Path) -> None:
    def broken(log: EvalLog) -> None:
        [sample] = log.samples or []
        sample.scores, sample.error = None, EvalError(message="it broke", traceback="", traceback_ansi="")

    write_log(tmp_path, change=broken)
    [row] = read_frame([tmp_path]).audits.to_dicts()
    assert (row["outcome"], row["reason"], row["objective_found"]) == ("error", "it broke", None)
    assert (row["confidences"], row["tool_calls"], row["split"]) == ([], [], "dev")


def test_numbers_of_another_scorer_are_not_ours(tmp_path: Path) -> None:
    def scored_too(log: EvalLog) -> None:
        for sample in log.samples or []:
            assert sample.scores
            sample.scores["theirs"] = Score(value={"seconds": -1.0, "hit@1": -1.0})

    write_log(tmp_path, change=scored_too)
    [row] = read_frame([tmp_path]).audits.to_dicts()
    assert row["hit@1"] == 1.0 and row["seconds"] > 0


def test_facts_too_large_for_a_summary_are_read_from_the_sample(tmp_path: Path) -> None:
    calls = {f"a_tool_of_a_rather_long_name_{number}": number + 1 for number in range(60)}

    def many(log: EvalLog) -> None:
        for sample in log.samples or []:
            assert sample.scores and sample.scores["cost"].metadata
            sample.scores["cost"].metadata |= {"tool_calls": calls, "tool_first": dict.fromkeys(calls, 0.5)}

    write_log(tmp_path, change=many)
    [row] = read_frame([tmp_path]).audits.to_dicts()
    assert {use["tool"]: use["calls"] for use in row["tool_calls"]} == calls


def test_a_header_that_somebody_changed_is_no_error(tmp_path: Path) -> None:
    def odd(log: EvalLog) -> None:
        log.eval.metadata = {"cordelia": None, "affordances": "chat", "target_args": [1], "tools": 7}
        log.eval.task_args = {"threshold": "high"}

    write_log(tmp_path, change=odd)
    [row] = read_frame([tmp_path]).audits.to_dicts()
    assert (row["testbed"], row["affordances"], row["tools"], row["affordance_set"]) == ("", ["chat"], [], "chat")


def test_the_asked_set_is_the_headers_else_the_arguments_else_the_affordances(tmp_path: Path) -> None:
    def told(log: EvalLog) -> None:
        log.eval.metadata = (log.eval.metadata or {}) | {"affordance_set": "blackbox", "sweep": "arms"}

    def asked(log: EvalLog) -> None:
        log.eval.task_args["affordances"] = ["chat", "data"]

    write_log(tmp_path, "T1", change=told)
    write_log(tmp_path, "T2", change=asked)
    found = read_frame([tmp_path]).audits.sort("task_id")
    assert found.select("affordance_set", "sweep").rows() == [("blackbox", "arms"), ("chat,data", None)]


def test_logs_elsewhere_are_read_as_inspect_reads_them(tmp_path: Path) -> None:
    there, place = fsspec.filesystem("memory"), f"/{uuid4()}/my logs"
    path = write_log(tmp_path, "T1", "siskin,wren")
    there.pipe(f"{place}/{path.name}", path.read_bytes())
    there.pipe(f"{place}/broken.eval", b"PK")
    found = read_frame([f"memory:/{place}"], cache=tmp_path / "cache.sqlite")
    assert sorted(found.audits["organism"]) == ["siskin", "wren"]
    assert [each.file.rpartition("/")[2] for each in found.damaged] == ["broken.eval"]
    [address] = found.audits["log"].unique()
    assert address.startswith("memory://")
    assert read_frame([address], cache=tmp_path / "cache.sqlite").audits.equals(found.audits)


@pytest.mark.parametrize("place", ["nowhere", "nowhere.eval", "memory://nowhere", "memory://nowhere/x.eval", "no://x"])
def test_a_place_that_is_not_there_is_an_error_that_names_it(place: str) -> None:
    with pytest.raises(CordeliaError, match=place):
        read_frame([place])


def test_a_file_that_is_given_twice_is_read_once_and_progress_is_told(tmp_path: Path) -> None:
    path = write_log(tmp_path, "T1")
    write_log(tmp_path, "T2")
    told: list[tuple[int, int]] = []
    found = read_frame([path, tmp_path, f"file://{path}"], progress=lambda done, total: told.append((done, total)))
    assert found.audits.height == 2
    assert told == [(0, 2), (1, 2), (2, 2)]


def test_a_tool_check_is_a_table_of_its_own(tmp_path: Path) -> None:
    def checked(log: EvalLog) -> None:
        log.eval.metadata = {"tool_check": "pocket", "testbed_version": "0.2.0"}
        for sample in log.samples or []:
            organism = str(sample.id).partition("/")[0]
            sample.metadata = {"organism": organism, "affordance": "self_report", "split": "dev"}
            found = {"grader": "model", "models": ["x/judge"], "identified": True}
            sample.scores = {
                "identification": Score(
                    value={"identified": 1.0, "false_positive": float("nan")},
                    metadata={"control": False, "found": found},
                )
                if organism == "siskin"
                else Score.unscored(reason="no_evidence", explanation="the tools were not called")
            }

    write_log(tmp_path, organisms="siskin/self_report,wren/self_report", change=checked)
    found = read_frame([tmp_path], cache=tmp_path / "cache.sqlite")
    assert found.audits.is_empty() and found.tool_checks.schema == TOOL_CHECKS
    assert found.tool_checks.select("organism", "grader", "identified", "false_positive", "reason").rows() == [
        ("siskin", "x/judge", 1.0, None, ""),
        ("wren", "", None, None, "no_evidence"),
    ]
    assert read_frame([tmp_path], cache=tmp_path / "cache.sqlite").tool_checks.equals(found.tool_checks)


def test_an_auditor_that_belongs_to_its_task_has_its_arguments_too(tmp_path: Path) -> None:
    def of_a_sweep(log: EvalLog) -> None:
        log.eval.solver, log.eval.solver_args = None, None
        log.plan.steps[-1] = EvalPlanStep(solver="cordelia/baseline", params={"seed": 7, "arms": None})

    write_log(tmp_path, change=of_a_sweep)
    [row] = read_frame([tmp_path]).audits.to_dicts()
    assert row["auditor_args"] == '{"seed": 7}'


def test_a_split_that_nothing_says_has_a_name(tmp_path: Path) -> None:
    def blank(log: EvalLog) -> None:
        log.eval.metadata = {key: value for key, value in (log.eval.metadata or {}).items() if key != "organisms"}
        for sample in log.samples or []:
            sample.metadata = {"split": ""}

    write_log(tmp_path, "T1", "siskin,wren", change=blank)
    assert read_frame([tmp_path]).audits["split"].to_list() == ["unknown", "unknown"]
    write_log(tmp_path, "T2", "siskin")
    found = read_frame([tmp_path]).audits.sort("task_id", "organism")
    assert found.select("organism", "split").rows() == [("siskin", "dev"), ("wren", "unknown"), ("siskin", "dev")]


def test_settings_stand_in_columns_and_secrets_do_not(tmp_path: Path) -> None:
    def full(log: EvalLog) -> None:
        log.eval.model_generate_config = GenerateConfig(
            temperature=0.5, max_connections=7, extra_headers={"Authorization": "Bearer s3cr3t", "x": "y"}
        )
        log.plan.config = GenerateConfig(max_tokens=40)
        log.eval.model_args = {"api_key": "s3cr3t", "precision": "half", "none": None}
        log.eval.model_roles = {
            "grader": ModelConfig(model="x/judge"),
            "helper": ModelConfig(model="x/helper", args={"hf_token": "s3cr3t"}),
            "other": ModelConfig(model="x/other"),
        }
        log.eval.metadata = (log.eval.metadata or {}) | {
            "auditor_name": "careful",
            "target_args": {"backend": "vllm", "base": "b", "base_url": "https://me:s3cr3t@host/v1", "max_batch": 4},
        }
        log.plan.steps[-1] = EvalPlanStep(solver="theirs/one", params={"token": "s3cr3t", "max_tokens": 4})
        log.eval.revision = EvalRevision(type="git", origin="", commit="c0ffee", dirty=True)

    write_log(tmp_path, change=full)
    reading = read_frame([tmp_path])
    [row] = reading.audits.to_dicts()
    expected = {
        "auditor_name": "careful",
        "auditor_args": '{"max_tokens": 4, "token": "***"}',
        "generate": '{"extra_headers": {"Authorization": "***", "x": "y"}, "max_tokens": 40, "temperature": 0.5}',
        "model_args": '{"api_key": "***", "precision": "half"}',
        "model_roles": '{"helper": {"hf_token": "***", "model": "x/helper"}, "other": "x/other"}',
        "backend_args": '{"base_url": "https://***@host/v1", "max_batch": 4}',
        "commit": "c0ffee-dirty",
    }
    assert {name: row[name] for name in expected} == expected
    made = board(reading)
    assert made.provenance["commit"] == "c0ffee-dirty" and made.provenance["models' arguments"] == row["model_args"]
    told = provenance([read_eval_log(str(next(tmp_path.glob("*.eval"))), header_only=True)])
    assert told["commit"] == "c0ffee-dirty" and "token=***" in told["auditor"]
    assert not any("s3cr3t" in text for text in (made.model_dump_json(), str(row), str(told)))


def test_a_log_in_json_is_found_by_what_it_is(tmp_path: Path) -> None:
    log = read_eval_log(str(write_log(tmp_path / "from")))
    (tmp_path / "to").mkdir()
    for name in ("whole", "cut"):
        write_eval_log(log, str(tmp_path / "to" / f"{name}.json"), format="json")
    text = (tmp_path / "to" / "cut.json").read_text(encoding="utf-8")
    (tmp_path / "to" / "cut.json").write_text(text[: len(text) // 2], encoding="utf-8")
    (tmp_path / "to" / "board.json").write_text('{"groups": []}', encoding="utf-8")
    reading = read_frame([tmp_path / "to"])
    assert [Path(each).name for each in reading.audits["log"]] == ["whole.json"]
    assert [Path(each.file).name for each in reading.damaged] == ["cut.json"] and not reading.passed_over
