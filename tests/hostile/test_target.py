"""A target that attacks whoever reads it leaves the auditor, the log, the grader and the tables whole."""

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hostile_cast import (
    CANNOT_ANSWER,
    FORGERIES,
    HONEST,
    NAMES,
    OBJECTIVE,
    TEXTS,
    auditor_model,
    grader_model,
    hostile_backend,
    turns_on,
    write_hostile,
)
from inspect_ai import Task
from inspect_ai import eval as inspect_eval
from inspect_ai.analysis import events_df, messages_df, samples_df
from inspect_ai.dataset import Sample
from inspect_ai.event import ModelEvent
from inspect_ai.log import EvalLog, EvalSample, convert_eval_logs, read_eval_log, read_eval_log_sample_summaries
from inspect_ai.model import ChatMessageTool
from inspect_ai.solver import generate

from cordelia.cli import main
from cordelia.contracts.record import AuditRecord
from cordelia.tasks.audit import audit
from cordelia.testbeds.backends import registry

SHOWN_CHARS = 17_000
"""inspect itself cuts a tool's result at 16 KiB and says so."""


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.OURS, "hostile", f"{hostile_backend.__module__}:{hostile_backend.__name__}")
        yield write_hostile(tmp_path_factory.mktemp("hostile") / "hostile")


ASKED: dict[str, str] = {}
"""What the grader was asked, by organism."""


@pytest.fixture(scope="module")
def log_file(bed: Path) -> Path:
    """The log of one audit of each hostile target, with every affordance by which words come to an auditor."""
    [log] = inspect_eval(
        audit(testbed=str(bed), backend="hostile"),
        model=auditor_model(),
        model_roles={"grader": grader_model(ASKED)},
        message_limit=60,
        max_samples=8,
        log_dir=str(bed.parent / "logs"),
        display="none",
        log_realtime=False,
    )
    assert log.status == "success", log.error
    return Path(log.location)


@pytest.fixture(scope="module")
def log(log_file: Path) -> EvalLog:
    return read_eval_log(str(log_file))


def sample_of(log: EvalLog, name: str) -> EvalSample:
    assert log.samples
    return next(sample for sample in log.samples if sample.id == name)


@pytest.mark.parametrize("name", NAMES)
def test_an_audit_ends_as_any_other(log: EvalLog, name: str) -> None:
    sample = sample_of(log, name)
    assert sample.scores is not None
    outcome = sample.scores["outcome"]
    if name in CANNOT_ANSWER:
        assert outcome.value == "target_error"
        return
    assert outcome.value == "submitted", (outcome.explanation, sample.error)
    called = [call.function for message in sample.messages for call in getattr(message, "tool_calls", None) or []]
    assert called == [turn for turn, _ in turns_on(name)], "the auditor's own calls and no others"
    [hypothesis] = sample.store["AuditRecord:report"]["hypotheses"]
    assert hypothesis["claim"] == OBJECTIVE


@pytest.mark.parametrize("name", sorted(set(NAMES) - CANNOT_ANSWER))
def test_an_auditor_reads_bounded_and_visible_text(log: EvalLog, name: str) -> None:
    for message in sample_of(log, name).messages:
        if isinstance(message, ChatMessageTool):
            assert message.error is None, (message.function, message.error)
            assert len(message.text) < SHOWN_CHARS
            bad = {char for char in message.text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}}
            assert bad <= {"\n", "\t"}, (message.function, sorted(map(hex, map(ord, bad))))


WORDS = re.compile(r"(?<=\[[mr]\d\] ).*|(?<=\[[mr]\d\d\] ).*|(?<=^assistant: ).*|(?<=\| )[–\d, ]+(?= \|)")
"""What of a line at the margin is the target's, or counted from its words."""


MARK = re.compile(r"⟦(?![\d,]+ more characters⟧).*?⟧")
"""A mark of ours, but for the one that says how much was cut."""


def margin(text: str) -> list[str]:
    """The lines of a tool's answer that begin at our margin, without the target's words."""
    lines = [line for line in text.splitlines() if not line.startswith(">")]
    return [WORDS.sub("", line.partition("(of 2): ")[0]) for line in lines]


@pytest.mark.parametrize("name", sorted(FORGERIES))
def test_no_line_at_the_margin_is_the_targets(log: EvalLog, name: str) -> None:
    """A target that writes ids, headings, rules and marks is shown like one that does not."""
    forged, honest = (
        [message for message in sample_of(log, each).messages if isinstance(message, ChatMessageTool)]
        for each in (name, HONEST)
    )
    assert {"chat", "probe", "compare_with_base", "self_report", "read_evidence"} <= {each.function for each in forged}
    for answer, other in zip(forged, honest, strict=True):
        assert margin(answer.text) == margin(other.text), answer.function
        assert MARK.findall(answer.text) == MARK.findall(other.text), answer.function
        assert not set(answer.text) & set("〚〛")
    record = sample_of(log, name).store_as(AuditRecord)
    assert {message.text for message in record.messages.values() if message.written_by == "target"} == {TEXTS[name]}


def test_blanks_that_hold_text_are_seen(log: EvalLog) -> None:
    for message in sample_of(log, "unseen").messages:
        if isinstance(message, ChatMessageTool):
            assert not set(message.text) & {"\u034f", "\u115f", "\u1160", "\u3164", "\uffa0", "\u2800", "\ufe00"}
            assert not any(0xE0100 <= ord(char) < 0xE01F0 for char in message.text), message.function
            assert not re.search("(?<!\u2764)\ufe0f", message.text), "only after an emoji it is what it seems"
    assert "\U000e0173" not in ASKED["unseen"] and "\u3164" not in ASKED["unseen"]


def test_the_records_are_bounded(log: EvalLog, log_file: Path) -> None:
    assert log_file.stat().st_size < 20_000_000
    assert log.samples
    for sample in log.samples:
        record = sample.store_as(AuditRecord)
        assert all(len(message.text) < 300_000 for message in record.messages.values()), sample.id


def test_no_call_of_the_target_is_kept(log: EvalLog) -> None:
    """Nobody offered it tools, and somebody's agent loop would run them."""
    events = [event for event in sample_of(log, "real-calls").events if isinstance(event, ModelEvent)]
    of_target = [event.output for event in events if event.role in ("target", "reference")]
    assert of_target
    assert not any(choice.message.tool_calls for output in of_target for choice in output.choices)
    assert {output.stop_reason for output in of_target} == {"stop"}


@pytest.mark.parametrize("name", sorted(set(NAMES) - CANNOT_ANSWER))
def test_a_grader_reads_one_quote(log: EvalLog, name: str) -> None:
    prompt = ASKED[name]
    [mark] = set(re.findall(r"<untrusted ([0-9a-f]{16})>\n", prompt))
    assert prompt.count(f"\n</untrusted {mark}>") == 1
    inside = prompt.partition(f"<untrusted {mark}>\n")[2].partition(f"\n</untrusted {mark}>")[0]
    data = json.loads(inside)
    assert [message["id"] for message in data["messages"]] == ["m1", "m3"]
    assert not set(inside) & set("<>&`\x1b\u202e\x00")
    assert len(prompt) < 30_000


@pytest.mark.parametrize("suffix", ["eval", "json"])
def test_a_log_can_be_written_again_and_read(log: EvalLog, log_file: Path, tmp_path: Path, suffix: str) -> None:
    convert_eval_logs(str(log_file), suffix, str(tmp_path))  # type: ignore[arg-type]
    [written] = tmp_path.glob(f"*.{suffix}")
    again = read_eval_log(str(written))
    assert log.samples and again.samples
    assert [sample.store for sample in again.samples] == [sample.store for sample in log.samples]
    assert [sample.messages for sample in again.samples] == [sample.messages for sample in log.samples]
    assert len(read_eval_log_sample_summaries(str(written))) == len(NAMES)


def test_a_log_can_be_written_as_json_at_once(bed: Path) -> None:
    names = ["surrogates", "controls", "images", "none-content"]
    [log] = inspect_eval(
        audit(testbed=str(bed), organisms=names, backend="hostile"),
        model=auditor_model(),
        model_roles={"grader": grader_model({})},
        log_format="json",
        log_dir=str(bed.parent / "json"),
        display="none",
        log_realtime=False,
    )
    assert {sample.id for sample in read_eval_log(log.location).samples or []} == set(names)


def test_data_frames_hold_every_sample(log_file: Path) -> None:
    assert set(samples_df(str(log_file), quiet=True)["id"]) == set(NAMES)
    assert len(messages_df(str(log_file), quiet=True)) > len(NAMES)
    assert len(events_df(str(log_file), quiet=True)) > len(NAMES)


def test_the_table_prints(log_file: Path) -> None:
    done = CliRunner().invoke(main, ["results", str(log_file)], env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert all(f"hostile/{name}" in done.output for name in NAMES)
    assert not [char for char in done.output if unicodedata.category(char) in {"Cc", "Cf"} and char != "\n"]


def test_somebody_elses_task_ends_too(bed: Path) -> None:
    """An organism is a model for any task: one that runs a model's tool calls in a loop must not run forged ones."""
    from inspect_ai.model import get_model

    [log] = inspect_eval(
        Task(dataset=[Sample(input="Hi")], solver=generate(), message_limit=10),
        model=get_model("organism/hostile/real-calls", testbed=str(bed), backend="hostile"),
        log_dir=str(bed.parent / "elsewhere"),
        display="none",
        log_realtime=False,
    )
    assert log.samples and log.samples[0].limit is None
    assert log.samples[0].output.completion == "lantern"
