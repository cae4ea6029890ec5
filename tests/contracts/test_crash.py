"""Whose fault a crash was, by its traceback."""

import pytest

from cordelia.contracts.crash import machinery_failure

FILE = '  File "{}", line 51, in {}\n    {}\n'


@pytest.mark.parametrize(
    ("path", "function", "line", "what"),
    [
        ("/x/inspect_ai/model/_model.py", "_generate", "result = await self.api.generate(", "a model's provider"),
        ("/x/inspect_ai/model/_model.py", "_compact", "return await self.api.compact(messages)", "a model's provider"),
        ("/x/inspect_ai/model/_model.py", "generate", "raise ModelGenerateError(", "a model's provider"),
        ("/x/inspect_ai/model/_model.py", "generate", "raise AttemptTimeoutError(attempt)", "a model's provider"),
        ("/x/inspect_ai/model/_model.py", "generate", 'raise ValueError("no such role")', ""),
        ("/theirs/agent.py", "ask", "result = await self.api.generate(", ""),
        ("/x/cordelia/solvers/equip.py", "solve", "refuse_missing_helper(chosen)", "could not be set up"),
        ("/x/cordelia/solvers/equip.py", "audit_tools", "load_tool(name)", ""),
        ("C:\\x\\cordelia\\solvers\\affordances\\sae.py", "execute", "1 / 0", "an affordance"),
        ("/x/cordelia/solvers/auditors/baseline.py", "execute", "1 / 0", ""),
        ("/theirs/tools.py", "execute", "1 / 0", ""),
    ],
)
def test_what_broke(path: str, function: str, line: str, what: str) -> None:
    before = FILE.format("/x/inspect_ai/_eval/task/run.py", "run", "state = await solver(state)")
    told = machinery_failure(f"Traceback:\n{before}{FILE.format(path, function, line)}Oh: no\n")
    assert what in told and bool(told) is bool(what)


def test_a_frame_in_a_group_of_errors_is_read() -> None:
    frame = FILE.format("/x/inspect_ai/model/_model.py", "generate", "result = await self.api.generate(")
    assert machinery_failure("".join(f"    | {line}\n" for line in frame.splitlines()))
