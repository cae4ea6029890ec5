"""The target under audit, as affordances see it: ask, get messages with ids, within the budget.

All state is in the sample's store (`AuditRecord`), so this works the same for the built-in auditors, for anybody's
solver, and for anybody's tool: `Target()` inside a tool or solver is the target of the sample that runs. What it
never has is the hidden prompt or the truth: it knows the organism by name and the provider does the rest.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Model,
    get_model,
    model_roles,
)
from inspect_ai.tool import ToolError
from inspect_ai.util import store_as, suspend_token_limit, suspend_turn_limit
from tenacity import RetryError

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.intervention import Intervention
from cordelia.contracts.record import PREFILLED, AuditRecord, TargetMessage
from cordelia.solvers.prefill import is_prefill
from cordelia.solvers.sampling import check_sampling
from cordelia.solvers.together import together
from cordelia.testbeds.backends.base import TargetError
from cordelia.testbeds.capabilities import Mode
from cordelia.testbeds.intervening import with_interventions

NO_CONVERSATION = frozenset({"user_turn", "completion"})
"""Affordances whose messages are not the target's turn in a conversation."""

REPLY_TOKENS = 256
"""Most tokens of one reply, unless an affordance says otherwise."""


class Target:
    """The target of the current sample, or its reference model."""

    def __init__(self, reference: bool = False) -> None:
        self.record = store_as(AuditRecord)
        self.reference = reference

    async def replies(
        self,
        conversations: Sequence[Sequence[ChatMessage]],
        affordance: str,
        *,
        mode: Mode = Mode.CHAT,
        samples: int = 1,
        temperature: float = 1.0,
        max_tokens: int = REPLY_TOKENS,
        seed: int | None = None,
        interventions: Sequence[Intervention] = (),
        adapter_scale: float = 1.0,
        adapter_noise: float = 0.0,
        noise_seed: int = 0,
    ) -> list[TargetMessage]:
        """`samples` replies to each conversation, all under way at once, each recorded under an id, in the order asked.

        Args:
            conversations: visible conversations; a trailing assistant message (user message in `user_turn` mode) is
                continued.
            affordance: who asks. A tool has a span in the transcript by itself; a solver opens one (`span(…)`).
            mode: who writes next, and whether there is a template.
            samples: how many independent replies to each.
            temperature: 0 is greedy.
            max_tokens: most tokens of one reply.
            seed: makes the replies reproducible; the position in `conversations` is added.
            interventions: what is done to its activations meanwhile.
            adapter_scale: how much of its adapter is in force; the reference has none.
            adapter_noise, noise_seed: noise on the adapter's matrices; see ServedOrganism.

        Raises:
            ToolError: the query budget is spent, or the sampling is out of bounds. The auditor reads it and can go on.
            TargetError: the target failed; the audit ends as `target_error`.
        """
        self.check(len(conversations), samples, temperature, max_tokens)
        model = self.model(mode, adapter_scale, adapter_noise, noise_seed)
        found = await together(
            [
                partial(
                    self._ask,
                    model,
                    conversation,
                    affordance,
                    samples=samples,
                    temperature=temperature,
                    max_tokens=max_tokens,
                    seed=None if seed is None else seed + position,
                    interventions=interventions,
                    adapter=(adapter_scale, adapter_noise),
                )
                for position, conversation in enumerate(conversations)
            ]
        )
        return [message for messages in found for message in messages]

    async def _ask(
        self,
        model: Model,
        conversation: Sequence[ChatMessage],
        affordance: str,
        *,
        samples: int,
        temperature: float,
        max_tokens: int,
        seed: int | None,
        interventions: Sequence[Intervention],
        adapter: tuple[float, float],
    ) -> list[TargetMessage]:
        ids = self._charge(samples)
        config = GenerateConfig(
            temperature=temperature,
            max_tokens=max_tokens,
            num_choices=samples if samples > 1 else None,
            seed=seed,
            max_connections=model.api.max_connections(),  # inspect's own default would starve a batching backend
        )
        config = with_interventions(config, interventions)
        try:
            with suspend_token_limit(), suspend_turn_limit():
                choices = await _choices(model, conversation, config, samples)
        except TargetError as error:
            self.failed(error)
            raise
        except CordeliaError as error:
            if not interventions:
                raise
            raise ToolError(str(error)) from error  # a block that there is not: the auditor's to mend
        except RetryError as error:  # inspect gave up on a busy target
            last = error.last_attempt.exception()
            if not isinstance(last, TargetError):
                raise
            self.failed(last)
            # a new error: `last` is error's own cause, and a chain that bites its tail is walked for ever
            raise TargetError(str(last)) from error
        kept = self._keep(ids, affordance, conversation, choices)
        for message in kept:
            message.interventions = list(interventions)
            message.adapter_scale, message.adapter_noise = adapter
        return kept

    def model(
        self, mode: Mode = Mode.CHAT, adapter_scale: float = 1.0, adapter_noise: float = 0.0, noise_seed: int = 0
    ) -> Model:
        """The target (or its reference) as an inspect model."""
        arguments: Any = {
            "mode": mode.value,
            **({} if self.reference else _changed(adapter_scale, adapter_noise, noise_seed)),
            **({"reference": True} if self.reference else {}),
            **self.record.target_args,
        }
        return get_model(
            f"organism/{self.record.testbed}/{self.record.organism}",
            role="reference" if self.reference else "target",
            testbed=self.record.testbed_folder or None,
            **arguments,
        )

    def failed(self, error: TargetError) -> None:
        """Write down that the target (or its reference) failed; scorers read the outcome from it."""
        self.record.target_failures = [*self.record.target_failures, str(error)]
        self.record.failing = "reference" if self.reference else "target"

    def answered(self) -> None:
        """Write down that it answered, in words or by a look inside: it has recovered if it had failed.

        A reference that answers says nothing of a target that failed; a target that does lets the audit go on.
        """
        if self.record.failing == "reference" or not self.reference:
            self.record.failing = ""

    def check(
        self, conversations: int, samples: int = 1, temperature: float = 1.0, max_tokens: int = REPLY_TOKENS
    ) -> None:
        """Refuse what `replies` would, before a helper model is paid for its part. Raises ToolError."""
        check_sampling(samples, temperature, max_tokens)
        self.afford(samples * conversations)

    def afford(self, samples: int) -> None:
        """Refuse what the budget of target queries cannot pay for, before any of it is asked. Raises ToolError."""
        limit, used = self.record.budget.target_queries, self.record.target_queries
        if not self.reference and limit is not None and used + samples > limit:
            raise ToolError(
                f"The budget of target queries is spent: {used} of {limit} used, {samples} more asked for. "
                "Ask for fewer, or submit your report with what you have."
            )

    def _charge(self, samples: int) -> list[str]:
        """Take `samples` queries from the budget and reserve their ids, before the first of them is under way."""
        self.afford(samples)
        if self.reference:
            first, letter = self.record.reference_queries + 1, "r"
            self.record.reference_queries += samples
        else:
            first, letter = self.record.target_queries + 1, "m"
            self.record.target_queries += samples
        return [f"{letter}{first + i}" for i in range(samples)]

    def _keep(
        self,
        ids: list[str],
        affordance: str,
        conversation: Sequence[ChatMessage],
        choices: Sequence[ChatCompletionChoice],
    ) -> list[TargetMessage]:
        context = list(conversation)
        prefill = context.pop().text if context and is_prefill(context[-1]) else ""
        kept = [
            TargetMessage(
                id=message_id,
                affordance=affordance,
                written_by="reference" if self.reference else "target",
                context=context,
                prefill=prefill,
                text=choice.message.text,
                stop_reason=choice.stop_reason,
            )
            for message_id, choice in zip(ids, choices, strict=True)
        ]
        # in place: assigning would validate every message of the audit again
        self.record.messages.update({message.id: message for message in kept})
        self.answered()
        return kept

    def conversation_after(self, message_id: str) -> list[ChatMessage]:
        """The visible conversation up to and including one of the target's messages, to continue or branch from.

        Words that the auditor put into the target's mouth stay marked (`PREFILLED`) while the conversation goes on.

        Raises:
            ToolError: there is no such message, or it is no answer of the target in a conversation.
        """
        message = self.find(message_id)
        if message.written_by != "target" or message.affordance in NO_CONVERSATION:
            raise ToolError(f"{message_id} is no answer of the target in a conversation; continue from one that is.")
        said = ChatMessageAssistant(
            content=message.prefill + message.text, metadata={PREFILLED: message.prefill} if message.prefill else None
        )
        return [*message.context, said]

    def find(self, message_id: str) -> TargetMessage:
        """A recorded message by id. Raises ToolError, with the ids that do exist."""
        messages = self.record.messages
        if message_id not in messages:
            known = ", ".join(list(messages)[-20:]) or "none yet"
            raise ToolError(f"There is no message '{message_id}'. The latest ids: {known}.")
        return messages[message_id]

    def opening(self, message: str) -> list[ChatMessage]:
        """A new conversation that opens with a user's message, under the visible system prompt if one is set."""
        system = self.record.system_prompt
        opening: list[ChatMessage] = [ChatMessageSystem(content=system)] if system else []
        return [*opening, ChatMessageUser(content=message)]


def _changed(adapter_scale: float, adapter_noise: float, noise_seed: int) -> dict[str, float]:
    """The model's arguments for an adapter that is not as it is; none for one that is, which is the same model."""
    scale = {"adapter_scale": adapter_scale} if adapter_scale != 1.0 else {}
    return {**scale, **({"adapter_noise": adapter_noise, "noise_seed": noise_seed} if adapter_noise else {})}


async def _choices(
    model: Model, conversation: Sequence[ChatMessage], config: GenerateConfig, samples: int
) -> list[ChatCompletionChoice]:
    """`samples` choices; a provider that gives fewer at once than asked for is asked again for the rest."""
    choices: list[ChatCompletionChoice] = []
    while len(choices) < samples:
        missing = samples - len(choices)
        again = {"num_choices": missing if missing > 1 else None}
        if config.seed is not None:
            again["seed"] = config.seed + len(choices)
        output = await model.generate(list(conversation), config=config.model_copy(update=again))
        if not output.choices:
            raise TargetError("the target gave no answer at all")
        choices += output.choices[:missing]
    return choices


def refuse_bound_roles() -> None:
    """Refuse `--model-role target=…`: it would put another model in every organism's place. Raises CordeliaError."""
    for role in ("target", "reference"):
        if role in model_roles():
            raise CordeliaError(
                f"The role '{role}' cannot be bound: targets are the testbed's organisms. Choose them with "
                "-T organisms=…, and the base of prompted ones with -T base=…"
            )
