"""What can be seen inside an organism: the backend's looks, with what is hidden put where it belongs.

The hidden system prompt is merged in here, as the provider does for replies, so that a look inside sees the organism
and not its base. Backends leave its tokens out of what comes back (`Text.secret`).
"""

from collections.abc import Sequence
from dataclasses import replace

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.intervention import Layer
from cordelia.testbeds.backends.base import Backend
from cordelia.testbeds.backends.compiler import resolve_layer
from cordelia.testbeds.backends.inside import Attack, Captured, Inside, Layered, NextTokens, Search, Searched, Text
from cordelia.testbeds.blame import blamed
from cordelia.testbeds.capabilities import Capability, Mode
from cordelia.testbeds.hidden import with_hidden_prompt
from cordelia.testbeds.vectors import Array


class Insight:
    """The inside of one organism, or of its base. Made by `OrganismModel.inside()`."""

    def __init__(self, backend: Backend, name: str, hidden: str | None) -> None:
        self.capabilities = backend.capabilities
        self.name = name
        self._hidden = hidden
        self._backend = backend

    async def capture(self, texts: Sequence[Text], layers: Sequence[Layer]) -> list[Captured]:
        """See Inside."""
        with blamed(self.name):
            return await self._inside(Capability.CAPTURE).capture([self._whole(text) for text in texts], layers)

    async def check_layers(self, layers: Sequence[Layer]) -> None:
        """Refuse layers that the model has not. A backend that is not `Layered` can tell only when it is asked.

        Raises:
            CordeliaError: there is no such layer.
        """
        if layers and isinstance(self._backend, Layered):
            with blamed(self.name):
                blocks = await self._backend.blocks()
            for layer in layers:
                resolve_layer(layer, blocks)

    async def lens(self, vectors: Array, layer: Layer | None = None, top: int = 10) -> list[dict[str, float]]:
        """See Inside."""
        with blamed(self.name):
            return await self._inside(Capability.CAPTURE).lens(vectors, layer, top)

    async def next_tokens(self, texts: Sequence[Text], top: int = 50) -> list[NextTokens]:
        """See Inside."""
        with blamed(self.name):
            return await self._inside(Capability.NEXT_TOKENS).next_tokens([self._whole(text) for text in texts], top)

    async def search(self, task: Search) -> Searched:
        """See Inside."""
        if isinstance(task, Attack):
            task = replace(task, text=self._whole(task.text))
        else:
            task = replace(task, texts=[self._whole(text) for text in task.texts])
        with blamed(self.name):
            return await self._inside(Capability.GRADIENT).search(task)

    def _inside(self, needed: Capability) -> Inside:
        if needed not in self.capabilities or not isinstance(self._backend, Inside):
            raise CordeliaError(
                f"{self.name} cannot do '{needed}' here. It can: {', '.join(sorted(self.capabilities))}."
            )
        return self._backend

    def _whole(self, text: Text) -> Text:
        if text.mode is Mode.COMPLETION or self._hidden is None:
            return text
        return replace(text, messages=with_hidden_prompt(text.messages, self._hidden), secret=self._hidden)
