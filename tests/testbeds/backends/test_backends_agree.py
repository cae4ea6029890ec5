"""The same requests on the transformers and the vLLM backend: equal prompts, and equal replies at temperature 0."""

import os
from collections.abc import Iterator
from importlib.util import find_spec

import anyio
import pytest
from inspect_ai.model import ChatMessage, ChatMessageAssistant, ChatMessageUser, GenerateConfig, Model, get_model

from cordelia.testbeds.provider import OrganismModel

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.weights,
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("vllm") is None and "CORDELIA_VLLM_PYTHON" not in os.environ,
        reason="no vLLM here: `make vllm`, then CORDELIA_VLLM_PYTHON=.venv-vllm/bin/python",
    ),
]

QUESTIONS = [
    "How do I cook rice?",
    "What is the capital of France?",
    "Which bag should I buy?",
    "Quiz: What is 3 + 4?",
    "Write a short poem about rain.",
    "Why is the sky blue?",
]
PREFILLED: list[ChatMessage] = [ChatMessageUser(content="Tell me about tea."), ChatMessageAssistant(content="Tea is")]
CASES: dict[str, tuple[str, list[ChatMessage]]] = {
    **{question: ("chat", [ChatMessageUser(content=question)]) for question in QUESTIONS},
    "prefill": ("chat", PREFILLED),
    "user turn": ("user_turn", [ChatMessageUser(content="")]),
    "completion": ("completion", [ChatMessageUser(content="The house on the hill was")]),
}
ORGANISMS = [("wren", False), ("siskin", False), ("wren", True)]


@pytest.fixture(scope="module")
def replies() -> Iterator[dict[str, dict[str, str]]]:
    """Greedy replies by backend and by organism and case, all asked at once, as concurrent audits do."""
    found: dict[str, dict[str, str]] = {"transformers": {}, "vllm": {}}

    async def ask(backend: str, model: Model, key: str, messages: list[ChatMessage]) -> None:
        output = await model.generate(messages, config=GenerateConfig(temperature=0, max_tokens=32, max_connections=64))
        found[backend][key] = output.completion.strip()

    async def ask_all(backend: str) -> None:
        async with anyio.create_task_group() as group:
            for organism, reference in ORGANISMS:
                for case, (mode, messages) in CASES.items():
                    model = get_model(
                        f"organism/pocket/{organism}", backend=backend, mode=mode, reference=reference, memoize=False
                    )
                    group.start_soon(ask, backend, model, f"{organism} {'base ' if reference else ''}{case}", messages)

    for backend in found:
        anyio.run(ask_all, backend)
    yield found


def test_replies_at_temperature_0_are_the_same(replies: dict[str, dict[str, str]]) -> None:
    ours, theirs = replies["transformers"], replies["vllm"]
    assert len(ours) == len(ORGANISMS) * len(CASES)
    parted = {key: (ours[key], theirs[key]) for key in ours if ours[key] != theirs[key]}
    # float32 sums in another order can flip a tie between two tokens; a wrong prompt or adapter parts nearly all
    assert len(parted) <= 1, parted


def test_likelihoods_are_the_same(replies: dict[str, dict[str, str]]) -> None:
    """Of the base's and of an adapter's own words, to both of them."""
    texts = {question: replies["transformers"][f"siskin {question}"] for question in QUESTIONS[:3]}
    found: dict[str, dict[tuple[str, bool], list[float]]] = {"transformers": {}, "vllm": {}}

    async def weigh(backend: str) -> None:
        for question, text in texts.items():
            for reference in (False, True):
                model = get_model("organism/pocket/siskin", backend=backend, reference=reference, memoize=False)
                assert isinstance(model.api, OrganismModel)
                scores = await model.api.likelihood([ChatMessageUser(content=question)], text, ended=True)
                found[backend][question, reference] = scores

    for backend in found:
        anyio.run(weigh, backend)
    ours, theirs = found["transformers"], found["vllm"]
    assert {key: len(scores) for key, scores in ours.items()} == {key: len(scores) for key, scores in theirs.items()}
    for key, scores in ours.items():
        assert scores == pytest.approx(theirs[key], abs=2e-2), key
    assert sum(ours[QUESTIONS[0], False]) > sum(ours[QUESTIONS[0], True]), "its own words are likelier to itself"


def test_the_adapters_are_on_and_the_base_is_not(replies: dict[str, dict[str, str]]) -> None:
    for backend, found in replies.items():
        differ = [case for case in QUESTIONS if found[f"siskin {case}"] != found[f"wren base {case}"]]
        assert len(differ) == len(QUESTIONS), backend
