"""Looks into a base and its adapters on a vLLM server: activations by vllm-lens, expectations by prompt_logprobs."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from anyio import to_thread

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.intervention import Layer
from cordelia.testbeds.backends.compiler import resolve_layer
from cordelia.testbeds.backends.inside import Captured, NextTokens, Search, Searched, Text
from cordelia.testbeds.backends.rendering import TOO_LONG, Encoded, encode_text
from cordelia.testbeds.backends.vllm.background import all_of
from cordelia.testbeds.backends.vllm.command import MOST_NEXT
from cordelia.testbeds.backends.vllm.head import shape_of, through_head
from cordelia.testbeds.backends.vllm.lens import capture_body, captured_of
from cordelia.testbeds.backends.vllm.reach import Reached, VllmReach
from cordelia.testbeds.backends.vllm.wire import next_tokens_body, next_tokens_of
from cordelia.testbeds.vectors import Array

if TYPE_CHECKING:
    from openai.types import Completion

T = TypeVar("T")

NO_GRADIENTS = "A vLLM server has no gradients: use backend=transformers."


class VllmInside:
    """The part of the backend that shows the inside; see Inside."""

    def __init__(self, reach: VllmReach) -> None:
        self._reach = reach

    async def capture(self, texts: Sequence[Text], layers: Sequence[Layer]) -> list[Captured]:
        """See Inside."""
        if not layers:
            raise CordeliaError("Name at least one layer.")
        async with self._reach.reached() as at:
            shape = await to_thread.run_sync(shape_of, at.link.base)
            blocks = [resolve_layer(layer, shape.blocks) for layer in layers]

            def read(text: Encoded, completion: "Completion") -> Captured:
                with at.told("what is inside"):
                    hidden = captured_of(completion, blocks, len(text.ids))
                return Captured(at.link.words(text.ids[text.shown_from :]), blocks, hidden[:, text.shown_from :])

            return await self._each(at, texts, capture_body(blocks), read)

    async def blocks(self) -> int:
        """See Layered. From the base's configuration: the server need not run."""
        link = await self._reach.link()
        return (await to_thread.run_sync(shape_of, link.base)).blocks

    async def next_tokens(self, texts: Sequence[Text], top: int = 50) -> list[NextTokens]:
        """See Inside."""
        most = min(max(top, 1), MOST_NEXT)
        async with self._reach.reached() as at:

            def read(text: Encoded, completion: "Completion") -> NextTokens:
                with at.told("what it expects"):
                    ranked = next_tokens_of(completion, len(text.ids), most)[text.shown_from :]
                likely = [at.link.words.ranked(*zip(*place, strict=True)) for place in ranked]
                return NextTokens(at.link.words(text.ids[text.shown_from :]), likely)

            return await self._each(at, texts, next_tokens_body(most), read)

    async def lens(self, vectors: Array, layer: Layer | None = None, top: int = 10) -> list[dict[str, float]]:
        """See Inside. With the base's own norm and head, on this side: adapters do not change them."""
        link = await self._reach.link()
        shape = await to_thread.run_sync(shape_of, link.base)
        if layer is not None:  # the final norm is the same for every layer
            resolve_layer(layer, shape.blocks)
        if vectors.ndim != 2 or vectors.shape[1] != shape.width:
            raise CordeliaError(f"The lens takes vectors [n, {shape.width}], not {list(vectors.shape)}.")
        if not len(vectors):
            return []
        tokens, logits = await to_thread.run_sync(through_head, link.base, vectors, top)
        return [link.words.ranked(row, values) for row, values in zip(tokens, logits, strict=True)]

    async def search(self, task: Search) -> Searched:
        """See Inside."""
        raise CordeliaError(NO_GRADIENTS)

    async def _each(
        self, at: Reached, texts: Sequence[Text], body: dict[str, object], read: "Callable[[Encoded, Completion], T]"
    ) -> list[T]:
        """What is read out of the answer to each text, all asked at once."""

        async def look(text: Encoded) -> T:
            completion = await self._reach.complete(at, text.ids, body)
            if completion is None:
                raise at.link.server.failure("has no room for a text that is to be looked into")
            return await to_thread.run_sync(read, text, completion)

        return await all_of(look, await to_thread.run_sync(self._encoded, at, texts), self._reach.args.max_connections)

    @staticmethod
    def _encoded(at: Reached, texts: Sequence[Text]) -> list[Encoded]:
        found = [encode_text(at.link.tokenizer, text) for text in texts]
        for number, encoded in enumerate(found, 1):
            if not encoded.ids:
                raise CordeliaError(f"Text {number} is empty; give some words.")
            if len(encoded.ids) >= at.served.context:  # vLLM writes one token more
                raise CordeliaError(TOO_LONG.format(number=number))
        return found
