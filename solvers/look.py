"""Looking inside the target: what white-box affordances share.

`Look()` inside a tool or a solver is the inside of the current sample's target, `Look(reference=True)` that of its
base. What an auditor is shown is kept in the record under an id that evidence can cite (`show`), and directions that
it can use again under a name (`name_vector`).
"""

from collections.abc import Awaitable, Sequence
from typing import TypeVar

from anyio import to_thread
from inspect_ai.model import ChatMessageUser
from inspect_ai.tool import ToolError
from inspect_ai.util import store_as

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.intervention import Layer
from cordelia.contracts.record import FINDING_CHARACTERS, AuditRecord, Finding, VectorNote
from cordelia.solvers.aside import say
from cordelia.solvers.target import Target
from cordelia.testbeds.backends.base import TargetError
from cordelia.testbeds.backends.inside import Captured, NextTokens, Search, Searched, Text
from cordelia.testbeds.capabilities import Mode
from cordelia.testbeds.insight import Insight
from cordelia.testbeds.provider import OrganismModel
from cordelia.testbeds.vectors import Array, keep_vector, load_vector

R = TypeVar("R")


class Look:
    """The inside of the current sample's target, or of its reference model, at one scale of its adapter."""

    def __init__(self, reference: bool = False, adapter_scale: float = 1.0) -> None:
        self._target = Target(reference)
        api = self._target.model(adapter_scale=adapter_scale).api
        assert isinstance(api, OrganismModel)  # targets are organisms: their provider is ours
        self._insight: Insight = api.inside()

    async def capture(self, texts: Sequence[Text], layers: Sequence[Layer]) -> list[Captured]:
        """The output of blocks over each text; see Inside. Raises ToolError for a layer that there is not."""
        return await self._asked(self._insight.capture(texts, layers))

    async def check_layers(self, layers: Sequence[Layer]) -> None:
        """Refuse layers that the model has not, where its backend can tell, before queries are spent on them.

        Raises:
            ToolError: there is no such layer.
            TargetError: the target failed.
        """
        try:
            await self._insight.check_layers(layers)
        except TargetError as error:
            self._target.failed(error)
            raise
        except CordeliaError as error:
            raise ToolError(str(error)) from error

    async def lens(self, vectors: Array, layer: Layer | None = None, top: int = 10) -> list[dict[str, float]]:
        """The tokens that directions [n, width] speak for, with their logits."""
        return await self._asked(self._insight.lens(vectors, layer, top))

    async def next_tokens(self, texts: Sequence[Text], top: int = 50) -> list[NextTokens]:
        """What the model expects after each token of each text."""
        return await self._asked(self._insight.next_tokens(texts, top))

    async def search(self, task: Search) -> Searched:
        """Find a perturbation by gradient."""
        return await self._asked(self._insight.search(task))

    async def _asked(self, asked: Awaitable[R]) -> R:
        try:
            found = await asked
        except TargetError as error:
            self._target.failed(error)
            raise
        except CordeliaError as error:  # a layer that there is not, a text that is too long: the auditor can mend it
            raise ToolError(str(error)) from error
        self._target.answered()
        return found


def chat_text(prompt: str, reply: str = "") -> Text:
    """A user's message as the target reads it, under the visible system prompt, and maybe a reply to it."""
    return Text(Target().opening(prompt), reply)


def plain_text(text: str) -> Text:
    """Raw text, without any chat template and without the hidden system prompt."""
    return Text([ChatMessageUser(content=text)], mode=Mode.COMPLETION)


def show(affordance: str, text: str, tensors: Sequence[str] = ()) -> str:
    """Keep what an auditor is shown, asides too, as an observation; returns it under its id, as the tool's answer."""
    record, text = store_as(AuditRecord), say(text)
    number = sum(finding.startswith("o") for finding in record.findings) + 1
    finding = Finding(id=f"o{number}", affordance=affordance, text=text[:FINDING_CHARACTERS], tensors=list(tensors))
    record.findings[finding.id] = finding
    return f"[{finding.id}] {text}"


async def name_vector(vector: Array, layer: int, made_by: str) -> VectorNote:
    """Keep a direction [width] beside the log and name it (`v1`, …), so that tools can take it again."""
    record = store_as(AuditRecord)
    reference = await to_thread.run_sync(keep_vector, vector)
    norm = float((vector**2).sum() ** 0.5)
    note = VectorNote(id=f"v{len(record.vectors) + 1}", tensor=reference, layer=layer, norm=norm, made_by=made_by)
    record.vectors[note.id] = note
    return note


def named_vector(name: str) -> VectorNote:
    """A direction by its name. Raises ToolError, with the names that there are."""
    vectors = store_as(AuditRecord).vectors
    if name not in vectors:
        known = "; ".join(f"{note.id} ({note.made_by})" for note in vectors.values()) or "none yet"
        raise ToolError(f"There is no vector '{name}'. There are: {known}.")
    return vectors[name]


async def values_of(note: VectorNote) -> Array:
    """The numbers of a named direction, float32 [width]."""
    return await to_thread.run_sync(load_vector, note.tensor)
