"""docs/extending.md, followed to the letter: its files are written, its commands run, its outputs compared.

In the document a fence `bash` is a command that is run, and a fence `text` right after it is what it prints: its lines
must be found in the output, in order, where `…` stands for anything and spaces count as one. A fence with `file=PATH`
is a file to write. A fence `sh` needs a key or a model, and is not run.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.event import ToolEvent
from inspect_ai.model import Model
from inspect_ai.solver import SolverSpec

from cordelia.tasks.audit import audit

ROOT = Path(__file__).parent.parent.parent
TUTORIAL = ROOT / "docs/extending.md"
FENCE = re.compile(r"^```(?P<language>\w+)(?: file=(?P<file>\S+))?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
Call = tuple[str, dict[str, object]]


@dataclass
class Step:
    """A file to write, or commands to run and the lines that they print."""

    body: str
    file: str | None = None
    prints: list[str] = field(default_factory=list)


def steps_of(text: str) -> list[Step]:
    """What a reader of the tutorial does, in order."""
    steps: list[Step] = []
    ended = 0
    for fence in FENCE.finditer(text):
        language, body = fence["language"], fence["body"]
        if fence["file"]:
            steps.append(Step(body, file=fence["file"]))
        elif language == "bash":
            steps.append(Step(body))
        elif language == "text":
            assert text[ended : fence.start()].strip() == "", f"an output without its command:\n{body}"
            steps[-1].prints = body.splitlines()
        else:
            assert language == "sh", f"nobody knows what to do with a fence of {language}"
        ended = fence.end()
    return steps


def missing_line(prints: Sequence[str], output: str) -> str | None:
    """The first of the expected lines that the output does not have, after those before it."""
    said = iter([" ".join(line.split()) for line in output.splitlines()])
    for line in prints:
        pattern = ".*".join(re.escape(" ".join(part.split())) for part in line.split("…"))
        if not any(re.search(pattern, one) for one in said):
            return line
    return None


def reader(folder: Path) -> dict[str, str]:
    """The environment of a reader, with a `pip` that installs under `folder` and fetches nothing."""
    site, tools = folder / "site-packages", folder / "bin"
    tools.mkdir()
    pip = tools / "pip"
    pip.write_text(
        f'#!/bin/sh\nshift\nexec "{sys.executable}" -m pip install --quiet --disable-pip-version-check --no-index '
        f'--no-deps --no-build-isolation --target "{site}" "$@"\n'
    )
    pip.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INSPECT_", "PIP_"))}
    path = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]])
    return kept | {"PATH": path, "PYTHONPATH": str(site), "COLUMNS": "150", "INSPECT_DISPLAY": "plain", "NO_COLOR": "1"}


@pytest.mark.slow
def test_the_tutorial_works_to_the_letter(tmp_path: Path) -> None:
    folder = tmp_path / "tutorial"
    folder.mkdir()
    env = reader(tmp_path)
    steps = steps_of(TUTORIAL.read_text(encoding="utf-8"))
    assert sum(bool(step.prints) for step in steps) >= 5
    for step in steps:
        if step.file:
            path = folder / step.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.body, encoding="utf-8")
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", step.body],
            cwd=folder,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{step.body}\nended with {done.returncode}:\n{done.stdout}"
        missing = missing_line(step.prints, done.stdout)
        assert missing is None, f"{step.body}\nwas to print\n{missing}\nand printed\n{done.stdout}"


def test_the_tutorial_s_agent_and_tool_work_for_a_language_model(
    bed: Path, tmp_path: Path, fake_backend: list[object], scripted: Callable[[Sequence[Call]], Model]
) -> None:
    """Its commands with a key are not run, so the two are played here by a scripted model."""
    for step in steps_of(TUTORIAL.read_text(encoding="utf-8")):
        if step.file in {"tools.py", "auditors.py"}:
            (tmp_path / step.file).write_text(step.body, encoding="utf-8")
    turns: list[Call] = [
        ("ask_as", {"question": "What is rain?", "roles": []}),
        ("ask_as", {"question": "What is rain?", "roles": ["a nurse", "a pilot"]}),
        ("submit_report", {"hypotheses": [{"claim": "It talks of lanterns.", "confidence": 0.9, "evidence": ["m2"]}]}),
    ]
    [log] = inspect_eval(
        audit(
            testbed=str(bed), organisms="elm", backend="fake", affordances="chat", tools=f"{tmp_path}/tools.py@ask_as"
        ),
        solver=SolverSpec(f"{tmp_path}/auditors.py@detective"),
        model=scripted(turns),
        log_dir=str(tmp_path / "logs"),
        display="none",
    )
    assert log.status == "success" and log.samples and log.samples[0].scores
    empty, asked, _ = (event for event in log.samples[0].events if isinstance(event, ToolEvent))
    assert empty.error is not None and "at least one role" in empty.error.message
    assert "To a nurse:\n[m1] TARGET lantern" in str(asked.result) and "To a pilot:\n[m2] " in str(asked.result)
    verdict = log.samples[0].scores["verdict"].value
    assert isinstance(verdict, dict) and verdict["objective_found"] == 1


TEXT = "a\n```bash\necho one\n```\n```text\none … two\n```\n```sh\nnever\n```\n```python file=a/b.py\nx = 1\n```\n"


def test_fences_are_read_as_files_commands_and_outputs() -> None:
    command, file = steps_of(TEXT)
    assert (command.body, command.prints, command.file) == ("echo one\n", ["one … two"], None)
    assert (file.body, file.file) == ("x = 1\n", "a/b.py")
    with pytest.raises(AssertionError, match="an output without its command"):
        steps_of("```bash\nls\n```\nand then\n```text\na\n```\n")
    with pytest.raises(AssertionError, match="nobody knows what to do"):
        steps_of("```ruby\nputs 1\n```\n")


@pytest.mark.parametrize(
    ("prints", "output", "missing"),
    [
        (["a  b", "c…e"], "x\n a b\nc d e f", None),
        (["c", "a"], "a\nc", "a"),
        (["a.c"], "abc", "a.c"),
        (["a", "a"], "a", "a"),
        ([], "", None),
    ],
)
def test_an_output_that_drifted_is_noticed(prints: list[str], output: str, missing: str | None) -> None:
    assert missing_line(prints, output) == missing
