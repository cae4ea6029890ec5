"""A sweep file says what is wrong with it, by file and key, and its short forms mean their long ones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cordelia.contracts.errors import ContentError
from cordelia.sweeps.schema import Sweep, read_sweep

ASKS = {"name": "asks", "model": "none"}


@pytest.mark.parametrize(
    ("keys", "key", "words"),
    [
        ({"epoch": 3}, "epoch", "unknown key. Known keys: affordances, auditors,"),
        ({"auditors": [ASKS | {"modle": "x"}]}, "auditors.0.modle", "unknown key"),
        ({"testbeds": [{"testbed": "pocket", "organism": "wren"}]}, "testbeds.0.organism", "unknown key"),
        ({"budgets": {"target_queries": 5, "tokens": 3}}, "budgets.all.tokens", "unknown key"),
        ({"budgets": {"small": {"querys": 5}}}, "budgets.small.querys", "unknown key"),
        ({"affordances": {"a": {"affordances": ["chat"], "tool": ["x"]}}}, "affordances.a.tool", "unknown key"),
        ({"affordances": {"a": ["chatt"]}}, "affordances.a.affordances", "Did you mean 'chat'?"),
        ({"affordances": {}}, "affordances", "1 or more"),
        ({"auditors": [ASKS, ASKS]}, "top level", "two auditors are called 'asks'"),
        ({"auditors": [ASKS | {"args": {"seed": 1}}]}, "auditors.0", "'args' are of a 'solver'"),
        ({"auditors": [ASKS | {"model_args": {"api_key": "s3cr3t"}}]}, "auditors.0.model_args", "in the environment"),
        ({"auditors": [ASKS | {"model_args": {"hf_token": "s3cr3t"}}]}, "auditors.0.model_args", "in the environment"),
        ({"auditors": [ASKS | {"args": {"apiKey": "s3cr3t"}}]}, "auditors.0.args", "in the environment"),
        (
            {"testbeds": [{"testbed": "pocket", "backend_args": {"api_key": "s3cr3t"}}]},
            "testbeds.0.backend_args",
            "in the environment",
        ),
        ({"auditors": [ASKS | {"generate": {"temprature": 1}}]}, "auditors.0.generate", "no 'temprature'"),
        ({"auditors": [{"name": "asks"}]}, "auditors.0.model", "this key is missing"),
        ({"threshold": 6}, "threshold", "6"),
        ({"epochs": 0}, "epochs", "0"),
        ({"prices": {"a/b": {"input": 1, "output": 2, "reading": 3}}}, "prices.a/b.reading", "unknown key"),
        ({"name": "Two words"}, "name", "is not a name"),
        ({"epochs": True}, "epochs", "a valid integer, not true"),
        ({"budgets": {"target_queries": True}}, "budgets.all.target_queries", "a valid integer, not true"),
        ({"prices": {"a/b": {"input": True, "output": 2}}}, "prices.a/b.input", "a valid number, not true"),
        ({"model_roles": {"judge": "a/b"}}, "model_roles.judge", "no model role 'judge'. Known: grader, helper."),
        ({"model_roles": {"graders": "a/b"}}, "model_roles.graders", "Did you mean 'grader'?"),
        ({"auditors": [ASKS | {"model_roles": {"gradr": "a/b"}}]}, "auditors.0.model_roles.gradr", "'grader'"),
        ({"model_roles": {"grader": None}}, "model_roles.grader", "should be a model (<provider>/<model>), or a list"),
        ({"model_roles": {"grader": ["a/b", 3]}}, "model_roles.grader", "should be a model"),
    ],
)
def test_what_is_wrong_is_named(write: Callable[..., Path], keys: dict[str, object], key: str, words: str) -> None:
    file = write(**keys)
    with pytest.raises(ContentError) as caught:
        read_sweep(file)
    assert caught.value.path == file
    assert caught.value.key == key
    assert words in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


def test_short_forms_mean_their_long_ones(small: Callable[..., Sweep]) -> None:
    short = small(affordances=["api", "chat"], testbeds="pocket", budgets={"target_queries": 5})
    long = small(
        affordances={"api": {"affordances": ["api"], "tools": []}, "chat": {"affordances": ["chat"]}},
        testbeds=[{"testbed": "pocket"}],
        budgets={"all": {"target_queries": 5}},
    )
    assert short == long
    assert small(affordances={"mine": ["chat", "api"]}).affordances["mine"].affordances == ["chat", "api"]


def test_paths_are_seen_from_the_file(write: Callable[..., Path], bed: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("")
    file = write(
        testbeds=["./bed"],
        auditors=[ASKS | {"solver": "mine.py@asks"}],
        affordances={"own": {"affordances": ["chat"], "tools": ["./mine.py@look", "pkg/tool"]}},
    )
    read = read_sweep(file)
    assert read.testbeds[0].testbed == str(bed)
    assert read.auditors[0].solver == f"{tmp_path}/mine.py@asks"
    assert read.affordances["own"].tools == [f"{tmp_path}/mine.py@look", "pkg/tool"]


def test_a_file_that_is_not_there(write: Callable[..., Path]) -> None:
    with pytest.raises(ContentError, match=r"there is no file .*gone\.py") as caught:
        read_sweep(write(auditors=[ASKS | {"solver": "gone.py@asks"}]))
    assert caught.value.key == "auditors.0.solver"
