"""An auditor that cannot be made is told with the plan: which key of the sweep file is wrong, and why."""

from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks import sweep_target
from click.testing import CliRunner

from cordelia.cli import main
from cordelia.contracts.errors import ContentError
from cordelia.sweeps.auditors import check_auditors
from cordelia.sweeps.schema import read_sweep

FILE = f"{sweep_target.__file__}@asks"


@pytest.mark.parametrize(
    ("solver", "args", "key", "words"),
    [
        ("cordelia/baseline", {"armz": 1}, "auditors.1.args.armz", "has no such argument"),
        ("cordelia/baseline", {"seed": "x"}, "auditors.1.args.seed", "valid integer"),
        ("cordelia/baseline", {"arms": ["nope"]}, "auditors.1.args", "no arm 'nope'"),
        ("cordelia/investigator", {"compact_at": "late"}, "auditors.1.args.compact_at", "valid number"),
        ("cordelia/nobody", {}, "auditors.1.solver", "no solver or agent 'cordelia/nobody'"),
        ("generate", {"tool_calls": "all"}, "auditors.1.args.tool_calls", "'loop', 'single' or 'none'"),
        (FILE, {"turnz": 1}, "auditors.1.args.turnz", "has no such argument"),
        (FILE, {"turns": "many"}, "auditors.1.args.turns", "valid integer"),
        (FILE.replace("@asks", "@gone"), {}, "auditors.1.solver", "has no solver 'gone'"),
    ],
)
def test_what_is_wrong_is_named(
    write: Callable[..., Path], solver: str, args: dict[str, object], key: str, words: str
) -> None:
    fine = {"name": "fine", "model": "none", "solver": "react", "args": {"prompt": "Look.", "attempts": 1}}
    file = write(auditors=[fine, {"name": "wrong", "model": "none", "solver": solver, "args": args}])
    with pytest.raises(ContentError) as caught:
        check_auditors(read_sweep(file), file)
    assert (caught.value.path, caught.value.key) == (file, key)
    assert words in str(caught.value)


def test_a_plan_is_not_shown_of_what_cannot_run(write: Callable[..., Path], tmp_path: Path) -> None:
    file = write(auditors=[{"name": "a", "model": "none", "solver": FILE, "args": {"turnz": 1}}])
    result = CliRunner().invoke(main, ["sweep", str(file), "--plan", "--logs", str(tmp_path / "logs")])
    assert result.exit_code != 0
    assert "auditors.0.args.turnz" in result.output + str(result.exception) and "samples" not in result.output
