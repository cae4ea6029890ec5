"""What is wrong with a command line is said before anything starts, with the names that exist."""

from pathlib import Path

import pytest
from inspect_ai.tool import ToolDef

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.names import as_list
from cordelia.solvers import plugins
from cordelia.solvers.affordances.catalog import AFFORDANCES
from cordelia.tasks.audit import audit
from cordelia.tasks.settings import resolve_audit


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"testbed": "pockett"}, r"There is no testbed 'pockett'. Did you mean 'pocket'\?"),
        ({"testbed": "./nowhere/at/all"}, "There is no testbed folder"),
        ({"organisms": "elmm"}, r"no organism 'elmm' in testbed 'bed'. Did you mean 'elm'\?"),
        ({"organisms": "elm", "split": "test"}, "is in the split 'test'"),
        ({"split": "train"}, "There is no split 'train'.*dev, test"),
        ({"affordances": "chat,profile"}, "There is no affordance or affordance set 'profile'"),
        ({"affordances": ""}, "Name at least one affordance"),
        ({"backend": "vlm"}, r"There is no backend 'vlm'. Did you mean 'vllm'\?"),
        ({"backend": "model"}, "runs on any chat model: say which"),
        ({"backend": "model", "base": "nobody/x"}, "cannot have the base 'nobody/x'"),
        (
            {"backend": "fake", "backend_args": {"lacks": "prefill"}},
            "'prefill' needs prefill.*these fit: -T affordances=chat",
        ),
        ({"backend": "fake", "tools": "their_pkg/their_tool"}, "'their_pkg/their_tool' cannot be made"),
        ({"backend": "fake", "tools": "justaname"}, "is not a tool; write"),
        ({"backend": "fake", "tools": "/no/such.py@tool"}, "There is no file"),
        ({"backend": "fake", "grader": "oracle"}, "oracle"),
    ],
)
def test_a_wrong_word_is_refused_with_the_right_ones(
    bed: Path, fake_backend: list[object], parameters: dict[str, object], says: str
) -> None:
    arguments: dict[str, object] = {"testbed": str(bed), **parameters}
    with pytest.raises(CordeliaError, match=says):
        audit(**arguments)  # type: ignore[arg-type]
    assert all(not backend.requests for backend in fake_backend)  # type: ignore[attr-defined]


def test_missing_extra_is_named(bed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cordelia.testbeds.backends.transformers.find_spec", lambda name: None)
    with pytest.raises(CordeliaError, match=r"pip install 'cordelia\[local\]'"):
        resolve_audit(str(bed), organisms="elm", backend="transformers", base="some/model")


@pytest.mark.usefixtures("fake_backend")
def test_samples_say_the_name_and_the_split_and_nothing_of_the_truth(bed: Path) -> None:
    setting = resolve_audit(str(bed), backend="fake")
    assert [sample.id for sample in setting.samples] == ["ash", "elm", "oak", "yew"]
    assert {key for sample in setting.samples for key in sample.metadata or {}} == {
        "testbed",
        "testbed_version",
        "split",
    }
    assert all(sample.target == "" for sample in setting.samples)


@pytest.mark.usefixtures("fake_backend")
def test_a_split_selects(bed: Path) -> None:
    assert resolve_audit(str(bed), split="test", backend="fake").organisms == ["oak", "yew"]


@pytest.mark.parametrize(
    ("value", "names"), [("a,b", ["a", "b"]), (["a", "b"], ["a", "b"]), (" a , ", ["a"]), (None, []), ("", [])]
)
def test_names_come_as_words_or_lists(value: str | list[str] | None, names: list[str]) -> None:
    assert as_list(value) == names


def test_a_tool_from_a_file_is_offered(bed: Path, fake_backend: list[object], tmp_path: Path) -> None:
    assert fake_backend == []
    path = tmp_path / "mine.py"
    path.write_text(
        "from inspect_ai.tool import tool\n\n\n@tool\ndef count():\n    async def execute(text: str) -> int:\n"
        '        """Count letters.\n\n        Args:\n            text: Some text.\n        """\n'
        "        return len(text)\n\n"
        "    return execute\n",
        encoding="utf-8",
    )
    assert resolve_audit(str(bed), backend="fake", tools=f"{path}@count").tools == [f"{path}@count"]
    with pytest.raises(CordeliaError, match="has no tool 'other'"):
        resolve_audit(str(bed), backend="fake", tools=f"{path}@other")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def mine():\n    return 3\n", "cannot be made without arguments: TypeError: 3 is not"),
        ("def mine():\n    raise RuntimeError('no key')\n", "RuntimeError: no key"),
        ("def mine(key):\n    return 3\n", "missing 1 required positional argument: 'key'"),
        ("1 / 0\n", "cannot be loaded: ZeroDivisionError"),
    ],
)
def test_what_is_no_tool_is_told_before_anything_starts(
    bed: Path, fake_backend: list[object], tmp_path: Path, code: str, said: str
) -> None:
    assert fake_backend == []
    (tmp_path / "mine.py").write_text(code, encoding="utf-8")
    with pytest.raises(CordeliaError, match=said):
        resolve_audit(str(bed), backend="fake", tools=f"{tmp_path / 'mine.py'}@mine")


TOOL = """
from inspect_ai.tool import tool

@tool
def {name}():
    async def execute(text: str) -> str:
        \"""Says it again.

        Args:
            text: Some text.
        \"""
        return text

    return execute
"""


@pytest.mark.usefixtures("fake_backend")
@pytest.mark.parametrize(
    ("name", "times", "says"),
    [
        ("chat", 1, r"called 'chat', as is the affordance 'chat'; .*@tool\(name=.*or leave out the affordance"),
        ("read_evidence", 1, "called 'read_evidence', as is a tool of every audit; .* a name of its own"),
        ("submit_report", 1, "called 'submit_report', as is a tool of every audit"),
        ("again", 2, "called 'again', as is the tool '.*@again'; .*or name it once"),
    ],
)
def test_a_tool_that_no_auditor_could_reach_is_refused(
    bed: Path, tmp_path: Path, name: str, times: int, says: str
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(TOOL.format(name=name), encoding="utf-8")
    with pytest.raises(CordeliaError, match=says):
        audit(testbed=str(bed), backend="fake", affordances="chat", tools=[f"{path}@{name}"] * times)


@pytest.mark.usefixtures("fake_backend")
def test_a_tool_may_be_called_like_an_affordance_that_the_audit_has_not(bed: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(TOOL.format(name="chat"), encoding="utf-8")
    assert resolve_audit(str(bed), backend="fake", affordances="probe", tools=f"{path}@chat").tools


def test_no_two_tools_of_ours_have_one_name() -> None:
    names = [ToolDef(tool).name for affordance in AFFORDANCES.values() for tool in affordance.tools()]
    assert len({*names, "read_evidence", "submit_report"}) == len(names) + 2


@pytest.mark.usefixtures("fake_backend")
@pytest.mark.parametrize("packaged", [True, False])
def test_a_tool_that_no_model_could_be_offered_is_refused(
    bed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packaged: bool
) -> None:
    path = tmp_path / "mine.py"
    path.write_text(TOOL.format(name="bare").replace("text: Some text.", ""), encoding="utf-8")
    if packaged:
        monkeypatch.setattr(plugins, "registry_create", lambda *_: plugins.module_of(path).bare())
    with pytest.raises(CordeliaError, match=r"tool '.*bare'.*text"):
        audit(testbed=str(bed), backend="fake", tools="their_pkg/bare" if packaged else f"{path}@bare")


def test_nobody_takes_the_organisms_place(bed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cordelia.solvers.target.model_roles", lambda: {"target": object()})
    with pytest.raises(CordeliaError, match="The role 'target' cannot be bound"):
        audit(testbed=str(bed), backend="fake")


@pytest.mark.usefixtures("fake_backend")
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (None, "blackbox"),
        ("chat_only", "chat_only"),
        (["chat", "prefill"], "chat,prefill"),
        ("chat_only, reference", "chat_only,reference"),
    ],
)
def test_an_audits_metadata_says_by_which_names_its_affordances_were_asked_for(
    bed: Path, asked: str | list[str] | None, told: str
) -> None:
    task = audit(testbed=str(bed), backend="fake", affordances=asked)
    assert task.metadata is not None
    assert task.metadata["affordance_set"] == told
    assert set(task.metadata["affordances"]) >= {"chat"}, "beside it stand the affordances themselves"
