"""An audit that is killed at random moments and retried loses nothing, doubles nothing, and leaves no server behind."""

import json
import sys

import pytest
from benchmarks.kill import COUNTS, MOST_ANSWERS, ORGANISMS, Counts, killed, read_counts
from benchmarks.kill_audit import EPOCHS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")

KILLS = 10


def check(counts: Counts, kills: int) -> None:
    assert counts.samples == ORGANISMS * EPOCHS == 20
    assert len(counts.kills) == kills
    assert counts.lost == 0
    assert counts.doubled == 0
    assert counts.finished_run_again == 0
    assert counts.processes_left == 0
    assert counts.without_record == 0
    finished = [kill.finished for kill in counts.kills]
    assert finished == sorted(finished), "what is in the log stays there"


@pytest.mark.slow
def test_ten_kills() -> None:
    counts = killed(KILLS)
    check(counts, KILLS)
    assert counts.run_again > 0 and any(kill.cut for kill in counts.kills), "some samples were under way"
    assert {kill.server_too for kill in counts.kills} == {True, False}
    assert 0 < counts.kills[-1].finished < counts.samples


def test_the_counts_in_the_docs_are_of_ten_kills_that_went_well() -> None:
    check(read_counts(COUNTS), KILLS)
    assert all(kill.answers <= MOST_ANSWERS + 16 for kill in read_counts(COUNTS).kills)
    assert json.loads(COUNTS.read_text(encoding="utf-8"))["machine"]
