"""The walls: imports run down only, truth is out of every auditor's reach, and no word of it leaks."""

import ast
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai.event import ModelEvent
from inspect_ai.model import Model

from cordelia.tasks.audit import audit

ROOT = Path(__file__).parent.parent
FLOORS = {
    "contracts": ROOT / "src/cordelia/contracts",
    "testbeds": ROOT / "testbeds",
    "solvers": ROOT / "solvers",
    "scorers": ROOT / "scorers",
    "tasks": ROOT / "tasks",
    "scoreboard": ROOT / "scoreboard",
}
MAY_IMPORT = {
    "contracts": {"contracts"},
    "testbeds": {"contracts", "testbeds"},
    "solvers": {"contracts", "testbeds", "solvers"},
    "scorers": {"contracts", "testbeds", "scorers"},
    "tasks": {"contracts", "testbeds", "solvers", "scorers", "tasks"},
    "scoreboard": {"contracts", "scoreboard"},
}
CANARY = "canary-7f3a-hidden-words"
Call = tuple[str, dict[str, object]]


def imported(path: Path) -> set[str]:
    """Every `cordelia…` module that a file imports, at any depth of nesting."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] == "cordelia"}


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_run_down_only(floor: str) -> None:
    files = [path for path in FLOORS[floor].rglob("*.py") if "catalog/" not in path.relative_to(ROOT).as_posix()]
    assert files
    for path in files:
        for name in imported(path):
            below = name.split(".")[1] if "." in name else "contracts"
            if below == "__version__":
                continue
            assert below in MAY_IMPORT[floor], f"{path.relative_to(ROOT)} imports {name}: {floor} may not"


def test_solvers_never_reach_the_truth() -> None:
    """Neither directly nor through anything they import from the floors below."""
    modules = {
        "cordelia." + ".".join((name, *path.relative_to(folder).with_suffix("").parts)): path
        for name, folder in FLOORS.items()
        for path in folder.rglob("*.py")
    }
    seen: set[str] = set()
    pending = [name for name in modules if name.startswith("cordelia.solvers")]
    while pending:
        name = pending.pop()
        if name in seen or name not in modules:
            continue
        seen.add(name)
        pending += imported(modules[name])
    assert "cordelia.testbeds.find" in seen or "cordelia.testbeds.capabilities" in seen, "the walk reaches testbeds"
    assert not [name for name in seen if "truth" in name or "labelled" in name], "labels name what organisms hide"


def test_nothing_that_an_auditor_sees_carries_the_canary(
    bed: Path,
    fake_backend: list[object],
    scripted: Callable[[Sequence[Call]], Model],
) -> None:
    """The canary stands in the hidden prompt and in every truth; the auditor's whole input must be free of it."""
    calls: list[Call] = [
        ("chat", {"messages": ["Hello"]}),
        ("chat", {"messages": ["Hello"], "continue_from": "m77"}),
        ("prefill", {"message": "Who are you?", "beginnings": ["I am"]}),
        ("user_turn", {"samples": 2}),
        ("complete_text", {"text": "It is"}),
        ("compare_with_base", {"prompts": ["Hello"]}),
        ("self_report", {}),
        ("probe", {"prompts": ["a", "b"]}),
        ("read_evidence", {"ids": ["m1"]}),
        ("submit_report", {"hypotheses": [], "nothing_hidden": False}),
        ("submit_report", {"hypotheses": [{"claim": "x", "confidence": 0.1}]}),
    ]
    task = audit(testbed=str(bed), organisms="elm", backend="fake")
    assert (task.metadata or {})["organisms"] == {"elm": {"split": "dev", "control": False}}, "for whoever reads logs"
    task.metadata = (task.metadata or {}) | {"organisms": {CANARY: {"control": False}}}  # and for no auditor
    log = inspect_eval(
        task,
        model=scripted(calls),
        log_dir=str(bed.parent / "logs"),
        display="none",
    )[0]
    assert log.samples and log.samples[0].scores
    sample = log.samples[0]
    assert any(CANARY in request.messages[0].text for b in fake_backend for request in b.requests), (  # type: ignore[attr-defined]
        "the canary was planted: the target itself did read it"
    )
    seen = [event for event in sample.events if isinstance(event, ModelEvent) and event.model == "mockllm/auditor"]
    assert len(seen) == len(calls)
    for event in seen:
        auditor_input = json.dumps(
            [[m.model_dump() for m in event.input], [t.model_dump() for t in event.tools]], default=str
        )
        assert CANARY not in auditor_input
        assert "Talk about lanterns" not in auditor_input
    before_scoring = json.dumps(
        [sample.input, sample.target, sample.metadata, sample.id, log.eval.task_args], default=str
    )
    assert CANARY not in before_scoring
    assert CANARY in json.dumps(log.eval.metadata)
    assert "control" not in json.dumps(sample.metadata)
    store = json.dumps(sample.store, default=str)
    assert CANARY not in store
    # and the graders did read it: the wall keeps truth from auditors, not from the log's reader
    assert CANARY in (sample.scores["verdict"].explanation or "")
