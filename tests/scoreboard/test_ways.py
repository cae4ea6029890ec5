"""Auditors of one short name that are not one auditor get names of their own, and others keep theirs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from frame_toys import frame, runs
from inspect_ai.log import EvalLog
from log_toys import write_log

from cordelia.scoreboard.reading import read_frame
from cordelia.scoreboard.ways import told_apart

Facts = Mapping[str, object]


def names(*auditors: Facts) -> list[str]:
    """What each of some auditors of one short name is called."""
    rows = [row for facts in auditors for row in runs({"elm": [1.0]}, auditor="agent", **facts)]
    audits = told_apart(frame([row | {"sample_uuid": str(place)} for place, row in enumerate(rows)]))
    order = audits.sort("sample_uuid")["auditor"].to_list()
    return [str(name) for name in order]


@pytest.mark.parametrize(
    ("auditors", "called"),
    [
        ([{"solver": "pkg_a/agent"}, {"solver": "pkg_b/agent"}], ["agent (pkg_a/agent)", "agent (pkg_b/agent)"]),
        (
            [{"solver": "/home/me/one/aud.py@agent"}, {"solver": "/home/me/two/aud.py@agent"}, {"solver": ""}],
            ["agent (one/aud.py@agent)", "agent (two/aud.py@agent)", "agent (solver unknown)"],
        ),
        (
            [{"solver": "a/x/aud.py@agent"}, {"solver": "b/x/aud.py@agent"}],
            ["agent (a/x/aud.py@agent)", "agent (b/x/aud.py@agent)"],
        ),
        (
            [{"solver": "aud.py@agent", "solver_sha256": letter * 64} for letter in "ab"],
            ["agent (file aaaaaaaa)", "agent (file bbbbbbbb)"],
        ),
        ([{"auditor_name": "first"}, {"auditor_name": "second"}], ["agent (called first)", "agent (called second)"]),
        (
            [{"auditor_name": "low", "auditor_args": '{"n": 1}'}, {"auditor_name": "high", "auditor_args": '{"n": 2}'}],
            ["agent (n=1)", "agent (n=2)"],
        ),
        ([{"solver": "pkg_a/agent", "auditor_name": "first"}, {"solver": "", "auditor_name": None}], ["agent"] * 2),
    ],
)
def test_auditors_of_one_name(auditors: Sequence[Facts], called: list[str]) -> None:
    assert names(*auditors) == called


@pytest.mark.parametrize(
    ("asked", "step", "model", "solver"),
    [
        (None, "cordelia/auditor", "none/none", "cordelia/baseline"),
        (None, "cordelia/auditor", "mockllm/model", "cordelia/investigator"),
        ("mine/aud.py@agent", "agent", "none/none", "mine/aud.py@agent"),
        ("their/baseline", "their/baseline", "none/none", "their/baseline"),
        (None, "one/aud.py@baseline", "none/none", "one/aud.py@baseline"),
    ],
)
def test_a_log_says_whose_solver_it_was(tmp_path: Path, asked: str | None, step: str, model: str, solver: str) -> None:
    def change(log: EvalLog) -> None:
        log.eval.solver, log.eval.model = asked, model
        log.plan.steps[-1] = log.plan.steps[-1].model_copy(
            update={"solver": step, "params": {"n": 1, "seed": 2}, "params_passed": {"seed": 2}}
        )

    write_log(tmp_path, change=change)
    [row] = read_frame([tmp_path]).audits.select("solver", "auditor_args", "auditor_given").rows()
    assert row == (solver, '{"n": 1, "seed": 2}', ["seed"])
