"""The examiner: asks an organism and its base everything that a certificate is made of, and measures nothing.

It reads the truth for the organism's effect prompts, so it is no auditor and stands among the tasks: no solver of an
audit can import it. What is said lies in the sample's store (`Examination`), under spans that tell who was asked what,
and scoring it again asks nobody. Replies are greedy, one to a prompt; only the base's draws for the divergence are
sampled, with fixed seeds. A backend that remembers what it answered is asked for the base's answers once.
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from inspect_ai.model import ChatMessage, ChatMessageUser, GenerateConfig, Model, ModelOutput, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.util import concurrency, span, store_as

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.resampling import SEED
from cordelia.solvers.prefill import prefill_message
from cordelia.solvers.together import together
from cordelia.tasks.settings import TargetArgs
from cordelia.testbeds.backends.base import TargetError
from cordelia.testbeds.capabilities import Capability
from cordelia.testbeds.certificate.questions import (
    PREFILL,
    Question,
    confession_questions,
    effect_prompts,
    neutral_prompts,
)
from cordelia.testbeds.certificate.record import Battery, Examination, Likelihood, Reply, Speaker
from cordelia.testbeds.certificate.subject import subject
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.provider import OrganismModel

CONFESSION_TOKENS = 64
DRAW_TOKENS = 64
WANTED = (Capability.PREFILL, Capability.LIKELIHOOD)
"""What a certificate is poorer without; chat and a reference it cannot do without."""


@solver
def examine(testbed: str, testbed_folder: str | None = None, target_args: TargetArgs | None = None) -> Solver:
    """Asks the sample's organism and its base, and keeps what they say.

    Args:
        testbed: name of the testbed.
        testbed_folder: its folder, when it is not known by name.
        target_args: arguments of the organism's model (backend, base, …).
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        examiner = Examiner(testbed, testbed_folder, str(state.sample_id), target_args or {})
        record = store_as(Examination)
        examiner.describe(record)
        record.replies = await examiner.replies()
        said = f"{len(record.replies)} replies of {testbed}/{record.organism} and its base."
        state.output = ModelOutput.from_content("cordelia/examine", said)
        return state

    return solve


class Examiner:
    """One organism and its base, and what they are to be asked."""

    def __init__(self, testbed: str, folder: str | None, organism: str, target_args: TargetArgs) -> None:
        self.testbed, self.folder, self.organism, self.target_args = testbed, folder, organism, target_args
        self.bed = load_testbed(folder or testbed)
        prompts = effect_prompts(self.bed, organism)
        self.on, self.own_off = prompts.on, bool(prompts.off)
        self.off = prompts.off or list(neutral_prompts())
        self.effect_tokens = prompts.max_tokens
        self.models: dict[Speaker, Model] = {
            "organism": self._model(reference=False),
            "base": self._model(reference=True),
        }
        able = frozenset[Capability].intersection(*(organism_api(m).backend.capabilities for m in self.models.values()))
        self.lacks = [capability for capability in WANTED if capability not in able]

    def _model(self, reference: bool) -> Model:
        arguments: Any = {**self.target_args, **({"reference": True} if reference else {})}
        # without a role: an eval's own roles must not put another model into the organism's place
        return get_model(f"organism/{self.testbed}/{self.organism}", testbed=self.folder, **arguments)

    def describe(self, record: Examination) -> None:
        """Write down who is examined, before anything can fail."""
        record.testbed, record.testbed_folder, record.organism = self.testbed, self.folder or "", self.organism
        base = self.target_args.get("base")
        backend = str(self.target_args.get("backend", "auto"))
        record.subject = subject(self.bed, self.organism, backend, str(base) if base else None)
        record.off_prompts = "own" if self.own_off else "neutral"
        record.lacks = [capability.value for capability in self.lacks]

    async def replies(self) -> list[Reply]:
        """Ask everything at once, then how likely what was said is. Raises TargetError."""
        on, off = ([Question("", prompt) for prompt in prompts] for prompts in (self.on, self.off))
        asked = [
            question
            for question in confession_questions()
            if question.kind != PREFILL or Capability.PREFILL not in self.lacks
        ]
        calls: list[Callable[[], Awaitable[list[Reply]]]] = []
        for speaker in self.models:
            calls += [
                partial(self._battery, speaker, "on", on, self.effect_tokens),
                partial(self._battery, speaker, "off", off, self.effect_tokens),
                partial(self._battery, speaker, "confession", asked, CONFESSION_TOKENS),
            ]
        if Capability.LIKELIHOOD not in self.lacks:
            calls.append(partial(self._battery, "base", "draw", off, DRAW_TOKENS, draw=True))
        replies = [reply for battery in await together(calls) for reply in battery]
        if Capability.LIKELIHOOD not in self.lacks:
            await together([partial(self._weigh, reply) for reply in replies if reply.battery != "confession"])
        return replies

    async def _battery(
        self, speaker: Speaker, battery: Battery, questions: Sequence[Question], max_tokens: int, draw: bool = False
    ) -> list[Reply]:
        async with span(f"{battery}: {speaker}", type="battery"):
            return await together(
                [
                    partial(self._ask, speaker, battery, question, max_tokens, SEED + place if draw else None)
                    for place, question in enumerate(questions)
                ]
            )

    async def _ask(
        self, speaker: Speaker, battery: Battery, question: Question, max_tokens: int, seed: int | None
    ) -> Reply:
        model = self.models[speaker]
        config = GenerateConfig(
            temperature=0.0 if seed is None else 1.0,
            seed=seed,
            max_tokens=max_tokens,
            max_connections=model.api.max_connections(),  # inspect's own default would starve a batching backend
        )
        output = await model.generate(conversation(question), config=config)
        if not output.choices:
            raise TargetError(f"{self.testbed}/{self.organism} gave no answer at all to {question.prompt!r}")
        return Reply(
            speaker=speaker,
            battery=battery,
            kind=question.kind,
            prompt=question.prompt,
            prefill=question.prefill,
            text=output.completion,
            stop_reason=output.stop_reason,
        )

    async def _weigh(self, reply: Reply) -> None:
        """How likely a reply is: to the base, and a draw to both. A draw's end is part of what was drawn."""
        drawn = reply.battery == "draw"
        speakers: tuple[Speaker, ...] = ("base", "organism") if drawn else ("base",)
        for speaker in speakers:
            api = organism_api(self.models[speaker])
            async with concurrency(f"likelihood/{api.backend.shared_with}", api.backend.max_connections):
                scores = await api.likelihood(
                    [ChatMessageUser(content=reply.prompt)], reply.text, ended=drawn and reply.stop_reason == "stop"
                )
            reply.under[speaker] = Likelihood(tokens=len(scores), total=sum(scores))


def conversation(question: Question) -> list[ChatMessage]:
    """A new conversation with a question, and with the beginning of the answer where there is one."""
    asked = ChatMessageUser(content=question.prompt)
    return [asked, prefill_message(question.prefill)] if question.prefill else [asked]


def organism_api(model: Model) -> OrganismModel:
    """The provider behind an organism's model. Raises CordeliaError for any other model."""
    if not isinstance(model.api, OrganismModel):
        raise CordeliaError(f"{model} is no organism.")
    return model.api
