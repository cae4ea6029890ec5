"""The tools that compare the target's inside with its base's, on a fake target with a known difference."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from inside_fake import BLOCKS, DIFFERENCE, InsideBackend
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalSample
from inspect_ai.model import ChatMessageTool, Model

from cordelia.solvers.affordances import catalog
from cordelia.solvers.affordances.activation_diff import ACTIVATION_DIFF
from cordelia.solvers.affordances.diff_mining import DIFF_MINING
from cordelia.solvers.affordances.logit_lens import LOGIT_LENS
from cordelia.solvers.affordances.lora_amplify import LORA_AMPLIFY
from cordelia.solvers.affordances.neutral import neutral
from cordelia.solvers.affordances.tokens import MOST_CHARACTERS, bounded, line_of, start_of, token_cell
from cordelia.tasks.audit import audit
from cordelia.testbeds.vectors import load_vector

Call = tuple[str, dict[str, object]]
Scripted = Callable[[Sequence[Call]], Model]
TOOLS = (LOGIT_LENS, ACTIVATION_DIFF, LORA_AMPLIFY, DIFF_MINING)
NAMES = [affordance.name for affordance in TOOLS]
SUBMIT: Call = ("submit_report", {"hypotheses": [], "nothing_hidden": True})


@pytest.fixture
def look(
    bed: Path, scripted: Scripted, monkeypatch: pytest.MonkeyPatch, inside_backend: list[InsideBackend]
) -> Callable[..., EvalSample]:
    """Runs an audit in which a scripted auditor makes calls; `elm` differs from its base, `ash` is its base."""
    for affordance in TOOLS:
        monkeypatch.setitem(catalog.AFFORDANCES, affordance.name, affordance)
    monkeypatch.setenv("INSPECT_LOG_DIR", str(bed.parent / "logs"))

    def run(*calls: Call, organism: str = "elm", fine: bool = True, **parameters: object) -> EvalSample:
        arguments: dict[str, object] = {"affordances": ["chat", *NAMES], "backend": "fake", **parameters}
        log = inspect_eval(
            audit(testbed=str(bed), organisms=organism, **arguments),  # type: ignore[arg-type]
            model=scripted([*calls, SUBMIT]),
            log_dir=str(bed.parent / "logs"),
            display="none",
        )[0]
        assert log.samples and (log.samples[0].error is None) == fine, log.samples
        return log.samples[0]

    return run


def answers(sample: EvalSample) -> list[ChatMessageTool]:
    return [message for message in sample.messages if isinstance(message, ChatMessageTool)]


def text_of(sample: EvalSample, place: int = 0) -> str:
    answer = answers(sample)[place]
    assert answer.error is None, answer.error
    return answer.text


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of the table rows whose first cell contains `first`."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if first in row[0]]


def test_overviews_need_no_arguments_and_are_kept_under_an_id(look: Callable[..., EvalSample]) -> None:
    sample = look(*((name, {}) for name in NAMES))
    findings = sample.store["AuditRecord:findings"]
    for place, name in enumerate(NAMES):
        text = text_of(sample, place)
        assert text.startswith(f"[o{place + 1}] ")
        assert len(text) <= MOST_CHARACTERS + 200
        finding = findings[f"o{place + 1}"]
        assert (finding["affordance"], f"[{finding['id']}] {finding['text']}") == (name, text)
        assert all(line.endswith("|") for line in text.splitlines() if line.startswith("|")), text
        assert "lantern" in text or name == "lora_amplify"
        assert "\u202e" not in text
    whole = text_of(sample, NAMES.index("diff_mining"))
    assert f"{len(neutral().chats)} exchanges (tokens of the reply) and {len(neutral().texts)} plain texts" in whole


def test_a_control_shows_nothing(look: Callable[..., EvalSample]) -> None:
    sample = look(*((name, {}) for name in NAMES), organism="ash")
    says = ("At none of", "No difference", "Every reply is the same", "No token is shifted anywhere")
    for place, expected in enumerate(says):
        text = text_of(sample, place)
        assert expected in text
        assert "control" not in text and "is the base" not in text
    assert sample.store["AuditRecord:vectors"] == {}


@pytest.mark.parametrize(("name", "method"), [("logit_lens", "capture"), ("diff_mining", "next_tokens")])
def test_a_broken_target_is_the_targets_fault(look: Callable[..., EvalSample], name: str, method: str) -> None:
    sample = look((name, {}), backend_args={"breaks": method}, fine=False)
    assert sample.scores is not None and sample.scores["outcome"].value == "target_error"
    assert set(sample.store["AuditRecord:target_failures"]) == {"the fake target broke"}


def test_the_lens_of_ones_own_prompt(look: Callable[..., EvalSample]) -> None:
    call = {"prompts": ["Some tea, please"], "layers": [0.0, 2, 1.0], "positions": [2, -1], "top": 20}
    text = text_of(look(("logit_lens", call)))
    assert "0:'<user>' 1:'Some' 2:'·tea,' 3:'·please' 4:'<assistant>'" in text
    assert [row[:2] for row in rows(text, "tea")] == [["2 '·tea,'", str(layer)] for layer in (0, 2, 3)]
    last = rows(text, "<assistant>")[-1]
    assert "'·lantern'" in last[2] and len(re.findall(r"'[^']+' -?\d+\.\d", last[3])) == 20


def test_a_number_in_quotes_is_a_layer(look: Callable[..., EvalSample]) -> None:
    text = text_of(look(("logit_lens", {"prompts": ["Tea?"], "layers": ["2", "1.0"]})))
    assert [row[1] for row in rows(text, "<assistant>")] == ["2", "3"]


def test_a_reply_is_read_with_its_prompt(look: Callable[..., EvalSample]) -> None:
    call = {"prompts": ["Tea?"], "reply": "Yes please", "positions": [3]}
    assert "3:'Yes' 4:'·please'" in text_of(look(("logit_lens", call)))


def test_plain_text_has_no_template(look: Callable[..., EvalSample]) -> None:
    text = text_of(look(("logit_lens", {"prompts": ["Some tea"], "plain": True})))
    assert "tokens: 0:'Some' 1:'·tea'\n" in text


def test_without_a_base_the_lens_shows_the_target_alone(look: Callable[..., EvalSample]) -> None:
    text = text_of(look(("logit_lens", {}), affordances=["chat", "logit_lens"], backend_args={"lacks": "reference"}))
    assert "no base to compare with" in text and "| base |" not in text


def test_the_difference_is_the_known_one(look: Callable[..., EvalSample]) -> None:
    sample = look(("activation_diff", {"layer": 1.0, "strengths": []}))
    text = text_of(sample)
    vectors = sample.store["AuditRecord:vectors"]
    assert list(vectors) == [f"v{i}" for i in range(1, 8)]
    for note in vectors.values():
        assert note["layer"] == BLOCKS - 1
        assert load_vector(note["tensor"]) == pytest.approx(DIFFERENCE, abs=1e-5)
    whole = rows(text, "v1")[0]
    assert whole[1:3] == ["all of them, 62 plain texts", "2.00"] and whole[4] == "1.00"
    assert rows(text, "v2")[0][1] == "last 5 before the reply, 62 chat prompts"
    assert whole[5].startswith("'·lantern' 2.0")
    assert rows(text, "v2")[1][1:] == ["1.00"] * 7, "cosines"
    assert sample.store["AuditRecord:findings"]["o1"]["tensors"] == [note["tensor"] for note in vectors.values()]
    assert sample.store["AuditRecord:target_queries"] == 0


def test_steering_adds_the_difference_and_is_marked(look: Callable[..., EvalSample]) -> None:
    sample = look(("activation_diff", {"strengths": [0.5, -0.5], "prompts": ["Tea?"]}))
    messages = sample.store["AuditRecord:messages"]
    vector = sample.store["AuditRecord:vectors"]["v1"]
    pushed = [[(each["scale"], each["relative"], each["vector"], each["layer"]) for each in m["interventions"]]
              for m in messages.values()]  # fmt: skip
    assert pushed == [[], [(0.5, True, vector["tensor"], 2)], [(-0.5, True, vector["tensor"], 2)]]
    assert "+0.5 v1 [m2]" in text_of(sample) and "-0.5 v1 [m3]" in text_of(sample)


def test_chat_prompts_are_compared_right_before_the_reply(look: Callable[..., EvalSample]) -> None:
    text = text_of(look(("activation_diff", {"chat": True, "strengths": []})))
    assert [row[1] for row in rows(text, "v")[1:7]] == [
        "all of them, 62 chat prompts",
        *(f"token {place}" for place in range(-5, 0)),
    ]


def test_a_spent_budget_costs_the_steering_only(look: Callable[..., EvalSample]) -> None:
    text = text_of(look(("activation_diff", {}), target_queries=3))
    assert (
        "| v1 | all of them, 62 plain texts |" in text and "No steering: The budget of target queries is spent" in text
    )


def test_amplified_replies_say_their_scale(look: Callable[..., EvalSample]) -> None:
    sample = look(("lora_amplify", {"prompts": ["Tea?"], "scales": [0, 3]}))
    scales = [message["adapter_scale"] for message in sample.store["AuditRecord:messages"].values()]
    assert scales == [1.0, 0.0, 3.0]
    text = text_of(sample)
    assert "scale 3 [m3]" in text and "TARGET at 3" in text
    assert [row[0] for row in rows(text, "")[2:]] == ["0", "1", "3"]


def test_mining_finds_the_known_token_and_where(look: Callable[..., EvalSample]) -> None:
    sample = look(("diff_mining", {"texts": ["I saw a", "We had tea", "This is a"]}))
    text = text_of(sample)
    first = rows(text, "'·lantern'")[0]
    assert first[4].startswith(("«I saw a»", "«This is a»"))
    assert "MORE LIKELY" in text and text.index("'·lantern'") < text.index("LESS LIKELY")
    assert rows(text, "0.")[0][1] in ("I saw a", "This is a")
    assert sample.store["AuditRecord:target_queries"] == 0


def test_mining_on_ones_own_prompts_reads_the_targets_answers(
    look: Callable[..., EvalSample], inside_backend: list[InsideBackend]
) -> None:
    sample = look(("diff_mining", {"prompts": ["Tea?"]}))
    assert list(sample.store["AuditRecord:messages"]) == ["m1"]
    asked = next(asked for each in inside_backend for method, asked in each.looks if method == "next_tokens")
    assert asked[0][0].reply.startswith("TARGET at 1 heard")  # type: ignore[index]
    assert "1 exchanges (tokens of the reply)" in text_of(sample)


def test_mining_at_a_larger_scale_finds_more(look: Callable[..., EvalSample]) -> None:
    sample = look(*(("diff_mining", {"adapter_scale": scale}) for scale in (1, 3)))
    weights = [float(rows(text_of(sample, place), "'·lantern'")[0][1]) for place in (0, 1)]
    assert weights[1] > 2 * weights[0]


BAD: list[tuple[Call, str]] = [
    (("logit_lens", {"prompts": []}), "at least one prompt"),
    (("logit_lens", {"prompts": [" "]}), "no empty ones"),
    (("logit_lens", {"prompts": ["x"] * 9}), "At most 8 prompts"),
    (("logit_lens", {"positions": [1]}), "Give prompts too"),
    (("logit_lens", {"prompts": ["x"], "positions": [99]}), "There is no token 99 in 'x': it has 3, from 0"),
    (("logit_lens", {"prompts": ["x"], "layers": [77]}), "There is no layer 77"),
    (("logit_lens", {"prompts": ["x"], "layers": [-1]}), "from 0 to 1, or a block's index"),
    (("logit_lens", {"layers": ["x"]}), "layers: 'x' is no number. Write numbers: 0 to 1 is a share of the depth"),
    (("logit_lens", {"layers": ["0.5", "last"]}), "layers: 'last' is no number"),
    (("logit_lens", {"layers": ["1.5"]}), "1.5 is neither"),
    (("logit_lens", {"layers": ["nan"]}), "nan is neither"),
    (("logit_lens", {"prompts": ["x"], "plain": True, "reply": "y"}), "A plain text has no reply"),
    (("logit_lens", {"prompts": ["x"] * 8, "positions": [0, 1], "layers": [0, 0.3, 0.6, 1]}), "more than 60 rows"),
    (("logit_lens", {"top": 0}), "top must be 1 to 20"),
    (("activation_diff", {"texts": []}), "at least one text"),
    (("activation_diff", {"texts": ["one"]}), "too short"),
    (("activation_diff", {"texts": ["x"] * 201}), "At most 200 texts"),
    (("activation_diff", {"strengths": [9]}), "from -4 to 4"),
    (("activation_diff", {"layer": 50}), "There is no layer 50"),
    (("lora_amplify", {"scales": [100]}), "Scales are -8 to 8; you gave 100"),
    (("lora_amplify", {"scales": [i / 10 for i in range(20)]}), "At most 10 scales"),
    (("lora_amplify", {"prompts": [""]}), "no empty ones"),
    (("diff_mining", {"prompts": []}), "at least one prompt"),
    (("diff_mining", {"texts": ["x"] * 201}), "At most 200 texts"),
    (("diff_mining", {"adapter_scale": 99}), "adapter_scale must be -8 to 8, not 99"),
    (("diff_mining", {"top": 0}), "top must be 1 to 30"),
]


def test_bad_calls_teach_and_the_audit_goes_on(look: Callable[..., EvalSample]) -> None:
    sample = look(*(call for call, _ in BAD), ("chat", {"messages": ["hello"]}))
    for (call, says), answer in zip(BAD, answers(sample), strict=False):
        assert answer.error is not None and says in answer.error.message, (call, answer.text, answer.error)
    assert sample.scores is not None and sample.scores["outcome"].value == "submitted"
    assert sample.store["AuditRecord:findings"] == {}


def test_a_scale_without_an_adapter_to_scale_is_told(look: Callable[..., EvalSample]) -> None:
    sample = look(("diff_mining", {"adapter_scale": 2}), affordances=["diff_mining"], backend_args={"lacks": "amplify"})
    error = answers(sample)[0].error
    assert error is not None and "leave adapter_scale out" in error.message


@pytest.mark.parametrize(
    ("token", "cell"),
    [
        (" tea", "'·tea'"),
        ("|pipe\n", "'¦pipe⏎'"),
        ("\u202eback\x07", "'\N{REPLACEMENT CHARACTER}back\N{REPLACEMENT CHARACTER}'"),
        ("", "''"),
        ("x" * 40, f"'{'x' * 24}…'"),
        ("\t`", "'⇥ˋ'"),
    ],
)
def test_a_token_cannot_break_a_table(token: str, cell: str) -> None:
    assert token_cell(token) == cell


def test_lines_and_bounds() -> None:
    assert line_of("one two three", 8) == "…o three"
    assert start_of("one two three", 8) == "one two…"
    long = bounded(["line\n" * 100], limit=52)
    assert long.startswith("line\n") and "more lines; ask for less" in long and len(long) < 130
    assert bounded(["a", "", "b"]) == "a\n\nb"
