"""What a user sees of a malformed testbed, in real processes: the one line, no traceback, no log, nothing served."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from table import groups, spoil, write_bed

from cordelia.cli import main

BIN = Path(sys.executable).parent
CASES = {case.what: case for group in groups() for case in group.cases}
EVAL = ["inspect", "eval", "cordelia/audit", "--model", "none", "--display", "plain", "-T", "backend=transformers"]
CERTIFY = [*EVAL[:2], "cordelia/certify", *EVAL[3:]]
AT_DOORS = [
    (EVAL, "a pickle beside the weights"),
    (EVAL, "a name with an escape sequence for terminals as key"),
    (CERTIFY, "effect prompts that are too few to tell"),
    (["cordelia", "list", "organisms"], "two organisms of one name"),
]


@pytest.mark.slow
def test_commands_print_one_message_and_start_nothing(tmp_path: Path) -> None:
    """All at once: most of the time is the start of Python."""
    running = []
    for number, (command, what) in enumerate(AT_DOORS):
        root = tmp_path / str(number)
        root.mkdir()
        folder = write_bed(root)
        spoil(CASES[what], folder)
        where = ["--testbed", str(folder)] if command[0] == "cordelia" else ["-T", f"testbed={folder}"]
        full = [str(BIN / command[0]), *command[1:], *where]
        environment = {
            **os.environ,
            "INSPECT_LOG_DIR": str(root / "logs"),
            "COLUMNS": "500",
            "CORDELIA_CACHE": str(root / "cache"),
        }
        process = subprocess.Popen(
            full, cwd=root, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        running.append((process, CASES[what], folder))
    for process, case, folder in running:
        printed = process.communicate(timeout=200)[0]
        lines = [line for line in printed.splitlines() if line.strip()]
        assert process.returncode != 0
        assert "Traceback" not in printed
        assert len(lines) == 1, printed
        assert case.says in lines[0]
        assert str(folder / (case.error or case.file)) in lines[0]
        assert {path.name for path in folder.parent.iterdir()} <= {"bed", "cache", "site_one", "site_two", "logs"}
        assert not list((folder.parent / "logs").glob("*")), "a log of a run that never was"


@pytest.mark.parametrize(
    "what", ["a path that climbs out", "a testbed with a Cyrillic letter that looks Latin", "UTF-16"]
)
@pytest.mark.parametrize("command", ["list", "fetch", "check"])
def test_every_command_of_ours_refuses(what: str, command: str, tmp_path: Path) -> None:
    folder = write_bed(tmp_path)
    spoil(CASES[what], folder)
    result = CliRunner().invoke(main, [command, *(["--testbed"] if command == "list" else []), str(folder)])
    assert result.exit_code == 2
    assert result.output.startswith(f"cordelia: {folder / 'testbed.yaml'}: ")
    assert result.output.count("\n") == 1


def test_a_title_cannot_break_the_list(tmp_path: Path) -> None:
    folder = write_bed(tmp_path)
    path = folder / "testbed.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("A bed for tests", "'[/b] [red]bed'"), encoding="utf-8")
    result = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["list", "testbeds", "--testbed", str(folder)])
    assert result.exit_code == 0
    assert "[/b] [red]bed" in result.output
