"""Sweeps in processes of their own, as people start them: shared out, stopped, killed, and gone on with."""

import signal
from collections import Counter
from pathlib import Path

import pytest
from benchmarks.sweep_kill import killed
from benchmarks.sweep_run import ORGANISMS, SweepRun

pytestmark = pytest.mark.slow


def planned(sweep: SweepRun, epochs: int) -> Counter[tuple[str, str, int]]:
    return Counter(
        (",".join(affordances), f"k{number:02}", epoch)
        for affordances in sweep.sets.values()
        for number in range(ORGANISMS)
        for epoch in range(1, epochs + 1)
    )


def test_two_processes_share_one_sweep(tmp_path: Path) -> None:
    sweep = SweepRun(tmp_path, epochs=1, turns=2)
    parts = [sweep.start("--part", f"{number}/2") for number in (1, 2)]
    said = [sweep.end(part) for part in parts]
    assert [part.returncode for part in parts] == [0, 0], said
    assert sweep.logged() == sweep.whole() == planned(sweep, 1)
    assert {folder.name for folder in sweep.logs.iterdir()} == {"part-1-of-2", "part-2-of-2"}
    assert sorted(Counter(pid for _, turn, pid in sweep.answers() if turn == 1).values()) == [15, 15]
    assert sweep.statuses() == {"success": 4}, "three cells, and the middle one cut"
    whole = sweep.start()
    assert "was begun in 2 parts" in sweep.end(whole)
    assert whole.returncode == 2


def test_the_same_sweep_started_twice_runs_once(tmp_path: Path) -> None:
    sweep = SweepRun(tmp_path, epochs=1)
    first = sweep.start()
    sweep.wait_for(first, 4)
    first.send_signal(signal.SIGSTOP)  # still at work, however long the second takes to start
    second = sweep.start()
    said = sweep.end(second)
    first.send_signal(signal.SIGCONT)
    assert second.returncode == 2
    assert f"process {first.pid} on " in said and "runs this sweep" in said
    said = sweep.end(first)
    assert first.returncode == 0, said
    assert sweep.logged() == sweep.whole() == planned(sweep, 1)
    assert {pid for _, _, pid in sweep.answers()} == {first.pid}
    assert sweep.statuses() == {"success": 3}


def test_ctrl_c_keeps_what_is_finished(tmp_path: Path) -> None:
    sweep = SweepRun(tmp_path, epochs=1)
    process = sweep.start()
    sweep.wait_for(process, 40)
    process.send_signal(signal.SIGINT)
    assert "the same command goes on from there" in sweep.end(process)
    assert process.returncode == 130
    finished = sweep.logged()
    assert 0 < sum(finished.values()) < sweep.samples
    before = len(sweep.answers())
    process = sweep.start()
    said = sweep.end(process)
    assert process.returncode == 0, said
    assert f"still to run: {sweep.samples - sum(finished.values())}" in said
    assert sweep.logged() == planned(sweep, 1)
    assert not {key for key, _, _ in sweep.answers()[before:]} & set(finished)


def test_one_that_stays_broken_is_told_and_the_rest_is_done(tmp_path: Path) -> None:
    sweep = SweepRun(tmp_path, epochs=1, turns=1, seconds=0, retries=1)
    sweep.broken.write_text("k03", encoding="utf-8")
    process = sweep.start()
    said = sweep.end(process)
    assert process.returncode == 1
    for name in sweep.sets:
        assert f"left over: asks/{name}/killed: k03 (epoch 1)" in said
    assert sum(sweep.logged().values()) == sweep.samples - len(sweep.sets)
    assert all(said.count(str(log)) == 1 for log in sweep.logs.glob("*.eval"))
    sweep.broken.unlink()
    process = sweep.start()
    assert "Done: 30 samples" in sweep.end(process)
    assert process.returncode == 0
    assert sweep.logged() == planned(sweep, 1)


def test_three_kills(tmp_path: Path) -> None:
    sweep = SweepRun(tmp_path, epochs=1)
    result = killed(sweep)
    assert {line.what: line.met for line in result.lines if line.goal} == {
        "samples lost": True,
        "samples doubled": True,
        "finished samples run again": True,
    }
    assert sweep.logged() == planned(sweep, 1)
    cut = next(line for line in result.lines if line.what == "samples cut by a kill")
    assert cut.ours[0] > 0, "the kills came while samples were under way"
