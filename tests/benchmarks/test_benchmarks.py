"""The harness of the benchmarks: statistics, goals, tables, files, names. What they measure is never asserted."""

import json
from pathlib import Path

import pytest
from benchmarks import free, throughput, turn
from benchmarks.__main__ import NAMES, benchmark, main
from benchmarks.machine import lacks_vllm, machine
from benchmarks.results import Goal, Line, Result, Spread, alternate, markdown, write
from click.testing import CliRunner

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.backends import registry

AT_LEAST = Goal("ratio", "≥", 0.9)
RESULT = Result(
    "speed",
    "bare",
    [Line("fast", "tokens/s", [95.0, 90.0, 300.0], [100.0, 100.0, 150.0], AT_LEAST), Line("alone", "s", [1.25])],
    ["vllm: skipped."],
)


def test_a_ratio_is_taken_repeat_by_repeat() -> None:
    assert RESULT.lines[0].ratio == Spread(0.95, 0.9, 2.0)
    assert RESULT.lines[1].ratio is None
    with pytest.raises(ValueError, match="shorter"):
        _ = Line("uneven", "s", [1.0, 2.0], [1.0]).ratio
    with pytest.raises(ValueError, match="no samples"):
        Spread.of([])


@pytest.mark.parametrize(
    ("goal", "ours", "met"),
    [
        (AT_LEAST, [90.0], True),
        (AT_LEAST, [89.0], False),
        (Goal("ratio", "≤", 1.15), [116.0], False),
        (Goal("ours", "≤", 1.0), [0.5, 0.9, 7.0], True),
        (Goal("ours", "≤", 1.0), [0.5, 1.1, 7.0], False),
        (None, [1.0], None),
    ],
)
def test_a_goal_is_judged_by_the_median(goal: Goal | None, ours: list[float], met: bool | None) -> None:
    assert Line("", "", ours, [100.0] * len(ours), goal).met is met


def test_a_goal_on_a_ratio_without_another_side_is_not_judged() -> None:
    assert Line("", "s", [1.0], [], AT_LEAST).met is None


def test_the_table_shows_medians_spreads_goals_and_remarks() -> None:
    text = markdown(RESULT)
    assert "| | unit | Cordelia | bare | ratio | goal | met |" in text
    assert "| fast | tokens/s | 95 (90–300) | 100 (100–150) | 0.95 (0.9–2) | ratio ≥ 0.9 | yes |" in text
    assert "| alone | s | 1.25 (1.25–1.25) | – | – | – | – |" in text
    assert text.endswith("vllm: skipped.")


def test_sides_take_turns_and_the_first_does_not_always_go_first() -> None:
    said: list[str] = []

    def side(name: str) -> tuple[float]:
        said.append(name)
        return (float(len(said)),)

    found = alternate([lambda: side("a"), lambda: side("b")], 3)
    assert "".join(said) == "ab" + "ab" + "ba" + "ab"
    assert found == [[(3.0,), (6.0,), (7.0,)], [(4.0,), (5.0,), (8.0,)]]


def test_a_result_is_written_with_its_machine(tmp_path: Path) -> None:
    data = json.loads(write(RESULT, {"cores": 2}, True, tmp_path / "new").read_text(encoding="utf-8"))
    assert data["machine"] == {"cores": 2} and data["quick"] is True
    assert data["lines"][0]["ratio"] == {"median": 0.95, "low": 0.9, "high": 2.0}
    assert data["lines"][0]["goal"] == "ratio ≥ 0.9" and data["lines"][0]["met"] is True
    assert data["lines"][1]["theirs"] is None and data["lines"][1]["ours"]["samples"] == [1.25]


def test_the_machine_says_what_a_number_needs() -> None:
    facts = machine()
    for key in ("date", "cores", "python", "torch", "inspect_ai"):
        assert facts[key], key
    for key in ("commit", "cpu", "memory_gib", "gpu", "vllm", "load_before", "uncommitted_changes"):
        assert key in facts
    json.dumps(facts)


def test_without_vllm_the_reason_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.machine.find_spec", lambda name: None)
    monkeypatch.delenv("CORDELIA_VLLM_PYTHON", raising=False)
    assert "make vllm" in (lacks_vllm() or "")
    monkeypatch.setenv("CORDELIA_VLLM_PYTHON", "/somewhere/python")
    assert lacks_vllm() is None


def test_every_name_is_a_benchmark_and_no_other_is() -> None:
    assert all(callable(benchmark(name)) for name in NAMES)
    with pytest.raises(CordeliaError, match="Did you mean 'turn'"):
        benchmark("turns")


def test_an_unknown_name_ends_the_command_before_anything_runs(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["turn", "nothing", "--out", str(tmp_path)])
    assert done.exit_code == 2 and "There is no benchmark 'nothing'" in done.output
    assert not list(tmp_path.iterdir())


def test_the_battery_has_as_many_prompts_as_asked_for_and_mixes_topics() -> None:
    prompts = throughput.battery(500)
    assert len(prompts) == 500 and len(set(prompts[:16])) == 16
    assert throughput.battery(16) == prompts[:16]


def test_a_turn_is_measured_on_real_audits_that_run_to_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.OURS, "free", "benchmarks.free:free_backend")
    assert turn.audited(2, ("chat", {"messages": [turn.QUESTION]})) > (0.0,)
    assert turn.bare(2, ("ask", {"message": turn.QUESTION}), [free.ask()]) > (0.0,)
