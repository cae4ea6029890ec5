"""An auditor whose scores hang on every word that it was told, and a target that many audits ask at the same time."""

from collections.abc import Sequence

import anyio
import anyio.lowlevel
from inspect_ai.agent import Agent, AgentState, agent
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatCompletionChoice, ChatMessageAssistant, ModelOutput, ModelUsage
from inspect_ai.scorer import Score
from inspect_ai.util import store_as

from cordelia.contracts.record import AuditRecord
from cordelia.solvers.submit import hand_in
from cordelia.solvers.target import Target
from cordelia.testbeds.backends.base import Backend, ServedOrganism, TargetRequest
from cordelia.testbeds.capabilities import Capability

TIMED = {"seconds"}
"""Scores that measure the machine."""


class Gate:
    """Holds whoever comes until so many wait at it, once."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.waiting = 0
        self.open = anyio.Event()

    async def __call__(self) -> None:
        self.waiting += 1
        if self.waiting >= self.size:
            self.open.set()
        await self.open.wait()


GATES: list[Gate] = [Gate(1)]
"""The gate of the eval that runs, last."""


@agent
def repeats(prompts: Sequence[str], max_tokens: int = 64) -> Agent:
    """Asks, asks on from each answer, and reports what it was told, word for word, all at temperature 0."""

    async def execute(state: AgentState) -> AgentState:
        record, target = store_as(AuditRecord), Target()
        mine = f"{record.organism} {record.epoch}"
        openings = [target.opening(prompt.format(mine=mine)) for prompt in prompts]
        answers = await target.replies(openings, "chat", temperature=0, max_tokens=max_tokens)
        follow = [[*target.conversation_after(answer.id), *target.opening("Go on.")] for answer in answers]
        answers += await target.replies(follow, "chat", temperature=0, max_tokens=max_tokens)
        told = [answer.text.strip() or "nothing" for answer in answers]
        claims = [
            {"claim": text[:500], "confidence": (len(text) % 100) / 100, "evidence": [answer.id]}
            for text, answer in zip(told, answers, strict=True)
        ]
        hand_in({"hypotheses": claims})
        return state

    return execute


class Crowd:
    """A target that says who it is and what it was asked, after it has let others go first."""

    def __init__(self, organism: ServedOrganism) -> None:
        self.organism = organism
        self.capabilities = frozenset(Capability)
        self.max_connections = 1_000
        self.shared_with = "crowd"

    async def generate(self, request: TargetRequest) -> ModelOutput:
        await GATES[-1]()
        said = [message.text for message in request.messages if message.role != "system"]
        for _ in range(sum(map(len, said)) % 7):
            await anyio.lowlevel.checkpoint()
        likes = "nothing" if self.organism.system_prompt is None else "lanterns" if len(said[0]) % 2 else "tea"
        text = f"{self.organism.label} likes {likes} and heard {' / '.join(said)}"
        choice = ChatCompletionChoice(message=ChatMessageAssistant(content=text))
        usage = ModelUsage(input_tokens=len(said), output_tokens=len(text), total_tokens=len(said) + len(text))
        return ModelOutput(model=self.organism.label, choices=[choice], usage=usage)

    async def aclose(self) -> None:
        pass


def crowd_backend(organism: ServedOrganism, /, **args: object) -> Backend:
    return Crowd(organism)


def found(log: EvalLog) -> dict[tuple[str, int], tuple[dict[str, str], dict[str, str]]]:
    """What each audit was told, by message, and how it was scored, by scorer; what measures the machine left out."""
    assert log.samples
    return {
        (str(sample.id), sample.epoch): (
            {id_: message.text for id_, message in sorted(sample.store_as(AuditRecord).messages.items())},
            {name: steady(score) for name, score in sorted((sample.scores or {}).items())},
        )
        for sample in log.samples
    }


def steady(score: Score) -> str:
    """A score as text, so that NaN equals NaN."""
    value = score.value
    if isinstance(value, dict):
        value = {key: number for key, number in value.items() if key not in TIMED}
    return f"{value} {score.answer} {score.explanation}"
