"""An organism as an inspect model: refused where it cannot serve, and its hidden prompt never in a log."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, task
from inspect_ai import eval as inspect_eval
from inspect_ai.dataset import Sample
from inspect_ai.event import ModelEvent
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
    ModelAPI,
    ModelCall,
    ModelOutput,
    ModelUsage,
    get_model,
    modelapi,
)
from inspect_ai.scorer import match
from inspect_ai.solver import Generate, Solver, TaskState, generate, solver, system_message
from inspect_ai.tool import ToolChoice, ToolInfo
from tenacity import RetryError, wait_none

from cordelia.contracts.errors import CordeliaError
from cordelia.tasks.audit import audit
from cordelia.testbeds.backends.base import TargetBusy, TargetError, TargetRequest
from cordelia.testbeds.capabilities import Mode
from cordelia.testbeds.hidden import with_hidden_prompt
from cordelia.testbeds.provider import OrganismModel

CANARY = "canary-7f3a-hidden-words"
HIDDEN = f"Talk about lanterns. {CANARY}"
Backends = list[Any]


def organism(bed: Path, name: str = "bed/elm", **arguments: object) -> Model:
    """The organism as a user names it, on the fake backend unless told otherwise."""
    args: Any = {"testbed": str(bed), "backend": "fake", **arguments}
    return get_model(f"organism/{name}", memoize=False, **args)


def run(bed: Path, task: Task, **model_args: object) -> EvalLog:
    """Somebody's task, as `inspect eval --model organism/bed/elm` runs it."""
    log = inspect_eval(
        task,
        model="organism/bed/elm",
        model_args={"testbed": str(bed), "backend": "fake", **model_args},
        log_dir=str(bed.parent / "logs"),
        display="none",
    )[0]
    assert log.status == "success", log.error
    return log


def model_events(log: EvalLog) -> list[ModelEvent]:
    return [event for sample in log.samples or [] for event in sample.events if isinstance(event, ModelEvent)]


def everything_in(log: EvalLog) -> str:
    """The whole log file as it was written, read back."""
    return json.dumps(read_eval_log(log.location).model_dump(mode="json"))


# names and arguments


@pytest.mark.usefixtures("fake_backend")
@pytest.mark.parametrize("name", ["elm", "bed/elm/x", "bed/", "/elm"])
def test_a_name_that_is_no_organism_says_how_one_is_written(bed: Path, name: str) -> None:
    with pytest.raises(CordeliaError, match="is not a model; write organism/<testbed>/<name>"):
        organism(bed, name)


@pytest.mark.usefixtures("fake_backend")
@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("bed/elmm", {}, r"no organism 'elmm' in testbed 'bed'. Did you mean 'elm'\?"),
        ("beds/elm", {"testbed": None}, "There is no testbed 'beds'"),
        ("bed/elm", {"mode": "chatt"}, r"There is no mode 'chatt'. Did you mean 'chat'\?.*completion, user_turn"),
        ("bed/elm", {"backend": "fak"}, "There is no backend 'fak'"),
        ("bed/elm", {"mode": "user_turn", "lacks": "user_turn"}, "bed/elm cannot do 'user_turn' here. It can: .*chat"),
        ("bed/elm", {"mode": "chat", "lacks": "chat"}, "bed/elm cannot do 'chat' here"),
        ("bed/elm", {"backend": "transformers"}, "bed/elm names no base; say which with base="),
        ("bed/elm", {"backend": "transformers", "base": "x/y", "bach": 3}, "'bach' of the backend .* is not known"),
        ("bed/elm", {"backend": "auto"}, "bed/elm runs on any chat model: say which"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_refused_before_anything_runs(
    bed: Path, name: str, arguments: dict[str, object], says: str
) -> None:
    with pytest.raises(CordeliaError, match=says):
        organism(bed, name, **arguments)


@pytest.mark.anyio
async def test_tools_are_refused_where_the_backend_has_none(bed: Path, fake_backend: Backends) -> None:
    tools = [ToolInfo(name="look", description="Looks.")]
    with pytest.raises(CordeliaError, match=r"bed/elm cannot be given tools here"):
        await organism(bed, lacks="tools").generate("Hi", tools=tools)
    assert fake_backend[-1].requests == []
    await organism(bed).generate("Hi", tools=tools)
    assert [tool.name for tool in fake_backend[-1].requests[0].tools] == ["look"]


@pytest.mark.anyio
async def test_a_likelihood_is_of_the_organism_with_its_hidden_prompt(bed: Path, fake_backend: Backends) -> None:
    said = [ChatMessageUser(content="Hi")]
    target, base = organism(bed).api, organism(bed, reference=True).api
    assert isinstance(target, OrganismModel) and isinstance(base, OrganismModel)
    assert await target.likelihood(said, "a lantern", ended=True) == [-1.5, -1.5, -0.25]
    assert await base.likelihood(said, "a lantern") == [-1.0, -3.0]
    seen = [[(message.role, message.text) for message in backend.weighed[0].messages] for backend in fake_backend]
    assert seen == [[("system", HIDDEN), ("user", "Hi")], [("user", "Hi")]]
    lacking = organism(bed, lacks="likelihood").api
    assert isinstance(lacking, OrganismModel)
    with pytest.raises(CordeliaError, match="organism/bed/elm cannot say how likely a reply is on this backend"):
        await lacking.likelihood(said, "a lantern")


@pytest.mark.anyio
@pytest.mark.usefixtures("fake_backend")
@pytest.mark.parametrize("scores", [[float("nan")], [-1.0, float("-inf")], None])
async def test_a_likelihood_that_is_no_number_is_the_targets_failure(bed: Path, scores: object) -> None:
    api = organism(bed).api
    assert isinstance(api, OrganismModel)

    async def likelihood(request: object) -> object:
        return scores

    api.backend.likelihood = likelihood  # type: ignore[method-assign,assignment]
    with pytest.raises(TargetError, match="the backend of bed/elm failed"):
        await api.likelihood([ChatMessageUser(content="Hi")], "a lantern")


# the hidden prompt


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def roles(messages: Sequence[ChatMessage]) -> list[tuple[str, str]]:
    return [(message.role, message.text) for message in messages]


@pytest.mark.parametrize(
    ("visible", "hidden", "seen"),
    [
        (["user:Hi"], "H", [("system", "H"), ("user", "Hi")]),
        (["system:V", "user:Hi"], "H", [("system", "H\n\nV"), ("user", "Hi")]),
        (["system:V", "user:Hi", "system:W"], "H", [("system", "H\n\nV\n\nW"), ("user", "Hi")]),
        (["system:V", "user:Hi", "system:W"], None, [("system", "V\n\nW"), ("user", "Hi")]),
        (["system:V", "user:Hi"], None, [("system", "V"), ("user", "Hi")]),
        (["user:Hi"], None, [("user", "Hi")]),
        ([], "H", [("system", "H")]),
        (["user:Hi", "assistant:Well"], "H", [("system", "H"), ("user", "Hi"), ("assistant", "Well")]),
    ],
)
def test_the_hidden_prompt_stands_before_the_visible_one(
    visible: list[str], hidden: str | None, seen: list[tuple[str, str]]
) -> None:
    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
    messages = [kinds[role](content=text) for role, _, text in (line.partition(":") for line in visible)]
    assert roles(with_hidden_prompt(messages, hidden)) == seen
    assert roles(messages) == [tuple(line.split(":")) for line in visible]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        ({}, f"{HIDDEN}\n\nBe kind."),
        ({"mode": "user_turn"}, f"{HIDDEN}\n\nBe kind."),
        ({"mode": "completion"}, "Be kind."),
        ({"reference": True}, "Be kind."),
    ],
)
async def test_who_reads_the_hidden_prompt(
    bed: Path, fake_backend: Backends, arguments: dict[str, object], seen: str
) -> None:
    await organism(bed, **arguments).generate([ChatMessageSystem(content="Be kind."), ChatMessageUser(content="Hi")])
    [request] = fake_backend[-1].requests
    assert roles(request.messages) == [("system", seen), ("user", "Hi")]
    assert request.mode == arguments.get("mode", "chat")
    assert (fake_backend[-1].organism.system_prompt is None) == bool(arguments.get("reference"))


def test_the_log_has_the_visible_conversation_only(bed: Path, fake_backend: Backends) -> None:
    log = run(bed, Task(dataset=[Sample(input="Hi", target="x")], solver=[system_message("Be kind."), generate()]))
    [request] = fake_backend[-1].requests
    assert roles(request.messages)[0] == ("system", f"{HIDDEN}\n\nBe kind."), "the target did read it"
    [event] = model_events(log)
    assert roles(event.input) == [("system", "Be kind."), ("user", "Hi")]
    assert CANARY not in everything_in(log)


# what fails


def impatient(model: Model, monkeypatch: pytest.MonkeyPatch) -> Model:
    """The model without inspect's waiting time between two tries."""
    monkeypatch.setattr(model.api, "retry_wait", wait_none)
    return model


class Flaky:
    """Stands in for a backend's `generate`: raises the given errors, one a call, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self, request: TargetRequest) -> ModelOutput:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return ModelOutput.from_content("bed/elm", "at last")


@pytest.mark.anyio
async def test_a_busy_target_is_tried_again_and_a_broken_one_is_not(
    bed: Path, fake_backend: Backends, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = impatient(organism(bed), monkeypatch)
    flaky = Flaky(TargetBusy("a moment"), TargetBusy("a moment more"))
    monkeypatch.setattr(fake_backend[-1], "generate", flaky)
    assert (await model.generate("Hi")).completion == "at last"
    assert flaky.calls == 3
    broken = Flaky(TargetError("it broke"))
    monkeypatch.setattr(fake_backend[-1], "generate", broken)
    with pytest.raises(TargetError, match="it broke"):
        await model.generate("Hi")
    assert broken.calls == 1


def test_a_target_that_stays_busy_is_the_targets_failure(
    bed: Path,
    fake_backend: Backends,
    scripted: Callable[[Sequence[Any]], Model],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """inspect gives up with an error of its own; the audit must still end as the target's fault."""
    monkeypatch.setattr(ModelAPI, "retry_wait", lambda self: wait_none())
    subject = audit(testbed=str(bed), organisms="elm", backend="fake")
    flaky = Flaky(*[TargetBusy("a moment") for _ in range(9)])
    monkeypatch.setattr(type(fake_backend[-1]), "generate", lambda self, request: flaky(request))
    log = inspect_eval(
        subject,
        model=scripted([("chat", {"messages": ["Hi"]})]),
        max_retries=2,
        log_dir=str(bed.parent / "logs"),
        display="none",
    )[0]
    assert flaky.calls == 3
    assert log.samples and log.samples[0].scores
    assert log.samples[0].scores["outcome"].value == "target_error"
    assert (log.samples[0].scores["outcome"].explanation or "").endswith("a moment"), "in the target's own words"


@pytest.mark.anyio
async def test_concurrency_is_the_backends(bed: Path, fake_backend: Backends) -> None:
    api = organism(bed).api
    assert (api.max_connections(), api.connection_key()) == (100, "fake")
    closed: list[bool] = []

    async def close() -> None:
        closed.append(True)

    fake_backend[-1].aclose = close
    await api.aclose()
    assert closed == [True]


# somebody else's task


@task
def quiz() -> Task:
    """A task that knows nothing of us."""
    samples = [Sample(input=text, target=f"TARGET lantern heard {text!r}") for text in ("One?", "Two?")]
    return Task(
        dataset=[*samples, Sample(input="Three?", target="no")], solver=generate(), scorer=match(location="exact")
    )


@solver
def interview() -> Solver:
    """Two user turns of one conversation."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        state = await generate(state)
        state.messages.append(ChatMessageUser(content="And then?"))
        return await generate(state)

    return solve


def test_anybodys_task_runs_unchanged(bed: Path, fake_backend: Backends) -> None:
    log = run(bed, quiz())
    assert log.results is not None
    assert log.results.scores[0].metrics["accuracy"].value == pytest.approx(2 / 3)
    assert log.eval.model == "organism/bed/elm"
    assert log.stats.model_usage["organism/bed/elm"].total_tokens == 3 * 15
    assert sum(len(backend.requests) for backend in fake_backend) == 3
    assert CANARY not in everything_in(log)


def test_anybodys_conversation_runs_unchanged(bed: Path, fake_backend: Backends) -> None:
    log = run(bed, Task(dataset=[Sample(input="Hi")], solver=interview()))
    first, second = fake_backend[-1].requests
    reply = "TARGET lantern heard 'Hi'"
    assert roles(first.messages) == [("system", HIDDEN), ("user", "Hi")]
    assert roles(second.messages) == [*roles(first.messages), ("assistant", reply), ("user", "And then?")]
    assert log.samples and log.samples[0].output.completion == "TARGET lantern heard 'And then?'"
    assert CANARY not in everything_in(log)


def test_somebodys_task_on_the_reference(bed: Path, fake_backend: Backends) -> None:
    log = run(bed, quiz(), reference=True)
    assert log.results is not None and log.results.scores[0].metrics["accuracy"].value == 0
    assert {backend.organism.label for backend in fake_backend if backend.requests} == {"bed/elm (base)"}


# the `model` backend: any inspect model as the base


class ToyBase(ModelAPI):
    """A provider of somebody's: keeps what it is sent, tells its cost and the raw call, as real ones do."""

    sent: list[tuple[list[ChatMessage], list[ToolInfo], GenerateConfig]] = []
    error: Exception | None = None

    async def generate(
        self,
        input: list[ChatMessage],  # noqa: A002 - inspect's own signature
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> tuple[ModelOutput, ModelCall]:
        type(self).sent.append((list(input), list(tools), config))
        if self.error is not None:
            raise self.error
        output = ModelOutput.from_content("toybase/one", f"BASE heard {input[-1].text!r}")
        output.usage = ModelUsage(input_tokens=7, output_tokens=3, total_tokens=10)
        request: Any = {"messages": [message.text for message in input]}
        return output, ModelCall.create(request=request, response={})

    def max_tokens(self) -> int | None:
        return 777

    def should_retry(self, ex: Exception) -> bool:
        return isinstance(ex, ConnectionError)


@modelapi(name="toybase")
def toybase() -> type[ModelAPI]:
    return ToyBase


@pytest.fixture
def base() -> Iterator[Callable[[], list[tuple[list[ChatMessage], list[ToolInfo], GenerateConfig]]]]:
    ToyBase.sent, ToyBase.error = [], None
    yield lambda: ToyBase.sent
    ToyBase.error = None


ON_BASE = {"backend": "model", "base": "toybase/one"}


def test_a_base_reads_the_hidden_prompt_and_nobody_else_does(bed: Path, base: Callable[[], list[Any]]) -> None:
    log = run(bed, Task(dataset=[Sample(input="Hi")], solver=[system_message("Be kind."), generate()]), **ON_BASE)
    [(messages, _, _)] = base()
    assert roles(messages) == [("system", f"{HIDDEN}\n\nBe kind."), ("user", "Hi")]
    [event] = model_events(log)
    assert (event.model, event.output.completion) == ("organism/bed/elm", "BASE heard 'Hi'")
    assert roles(event.input) == [("system", "Be kind."), ("user", "Hi")]
    assert {name: usage.total_tokens for name, usage in log.stats.model_usage.items()} == {"organism/bed/elm": 10}
    assert CANARY not in everything_in(log)
    assert "lanterns" not in everything_in(log)


@pytest.mark.anyio
async def test_tools_and_config_reach_the_base(bed: Path, base: Callable[[], list[Any]]) -> None:
    tools = [ToolInfo(name="look", description="Looks.")]
    model = organism(bed, **ON_BASE)
    output = await model.generate("Hi", tools=tools, config=GenerateConfig(temperature=0.3, seed=5, max_tokens=9))
    [(_, given, config)] = base()
    assert [tool.name for tool in given] == ["look"]
    assert (config.temperature, config.seed, config.max_tokens) == (0.3, 5, 9)
    assert output.model == "bed/elm", "the base's own name would be a hint"


@pytest.mark.anyio
async def test_a_base_gets_the_length_that_its_provider_asks_for(bed: Path, base: Callable[[], list[Any]]) -> None:
    await organism(bed, **ON_BASE).generate("Hi")
    assert base()[0][2].max_tokens == 777


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("error", "kind", "calls"), [(ConnectionError("later"), TargetBusy, 2), (ValueError("never"), TargetError, 1)]
)
async def test_a_base_that_fails_is_the_targets_failure(
    bed: Path,
    base: Callable[[], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    kind: type[Exception],
    calls: int,
) -> None:
    ToyBase.error = error
    model = impatient(organism(bed, **ON_BASE), monkeypatch)
    with pytest.raises((TargetError, RetryError)) as caught:
        await model.generate("Hi", config=GenerateConfig(max_retries=1))
    failure = caught.value.__cause__ if isinstance(caught.value, RetryError) else caught.value
    assert type(failure) is kind
    assert str(failure) == f"the base of bed/elm failed: {error}"
    assert len(base()) == calls


def test_what_a_chat_model_cannot_do_is_refused(bed: Path) -> None:
    for mode in (Mode.USER_TURN, Mode.COMPLETION):
        with pytest.raises(CordeliaError, match=f"cannot do '{mode}' here. It can: chat, reference, tools"):
            organism(bed, **ON_BASE, mode=mode.value)
    with pytest.raises(CordeliaError, match="cannot have the base 'nobody/x'"):
        organism(bed, backend="model", base="nobody/x")


@pytest.mark.anyio
async def test_without_a_backend_the_named_base_is_an_inspect_model(bed: Path, base: Callable[[], list[Any]]) -> None:
    output = await organism(bed, backend="auto", base="toybase/one", reference=True).generate("Hi")
    assert output.completion == "BASE heard 'Hi'"
    assert roles(base()[0][0]) == [("user", "Hi")]
