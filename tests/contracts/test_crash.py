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
        ("/x/cordelia/solvers/auditors/arms/__init__.py", "refuse_unable", "raise CordeliaError(", "not be set up"),
        ("/theirs/tools.py", "execute", "1 / 0", ""),
    ],
)
def test_what_broke(path: str, function: str, line: str, what: str) -> None:
    before = FILE.format("/x/inspect_ai/_eval/task/run.py", "run", "state = await solver(state)")
    told = machinery_failure(f"Traceback:\n{before}{FILE.format(path, function, line)}Oh: no\n")
    assert what in told and bool(told) is bool(what)


def test_a_refusal_that_an_auditor_in_code_did_not_catch_is_its_own() -> None:
    affordance = FILE.format("/x/cordelia/solvers/affordances/chat.py", "execute", "target.afford(1)")
    refused = "inspect_ai.tool._tool.ToolError: The budget of target queries is spent.\n"
    asked = FILE.format("/x/inspect_ai/model/_model.py", "generate", "result = await self.api.generate(")
    chained = f"Traceback:\n{asked}ValueError: no layer 99\n\nThe above exception was the direct cause\n\n"
    assert not machinery_failure(f"Traceback (most recent call last):\n{affordance}{refused}")
    assert not machinery_failure(f"{chained}Traceback (most recent call last):\n{affordance}{refused}")
    later = f"\nDuring handling, another exception occurred\n\nTraceback (most recent call last):\n{affordance}Oh: no\n"
    assert machinery_failure(f"Traceback (most recent call last):\n{affordance}{refused}{later}")


def test_a_frame_in_a_group_of_errors_is_read() -> None:
    frame = FILE.format("/x/inspect_ai/model/_model.py", "generate", "result = await self.api.generate(")
    assert machinery_failure("".join(f"    | {line}\n" for line in frame.splitlines()))
