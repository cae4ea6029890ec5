"""A model that is read at one block: token ids of texts, the residual stream there, and what the head makes of it.

This is how autoencoders are trained, in process and with nothing else on the model; audits look through the backends.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cordelia.contracts.errors import CordeliaError, MissingExtraError
from cordelia.contracts.intervention import Layer
from cordelia.testbeds.backends.compiler import resolve_layer
from cordelia.testbeds.sae.sinks import Counted, all_count
from cordelia.testbeds.schema import BaseSpec
from cordelia.testbeds.training.corpus_file import Document, Item
from cordelia.testbeds.vectors import Array
from cordelia.testbeds.weights import base_path

Replace = Callable[[Array], Array]
"""Residuals [tokens, width] of one text to what stands in their place."""
Counts = Callable[[Array], Counted]
"""Residuals [tokens, width] of one text, without position 0, to which of them are read."""


class _ReadError(Exception):
    """Ends a forward pass at the block that is read; never leaves this module."""


class Reader:
    """A base, or a base with one adapter, read at the output of one block. float32, on a GPU if there is one."""

    def __init__(self, base: BaseSpec, layer: Layer, adapter: Path | None = None) -> None:
        """Load the model.

        Raises:
            MissingExtraError: torch, transformers or peft is not installed.
            CordeliaError: the weights cannot be had, the model's parts are not found, or there is no such layer.
        """
        try:
            import torch
            from peft import PeftModel
            from transformers import AutoModelForCausalLM, AutoTokenizer
            from transformers.utils import logging as transformers_logging

            from cordelia.testbeds.backends.anatomy import Anatomy
        except ImportError as error:
            raise MissingExtraError("Training an autoencoder", "local", error.name or "torch") from error
        transformers_logging.disable_progress_bar()
        place = base_path(base)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(place)
        model: Any = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)
        anatomy = Anatomy.of(model)
        self.block = resolve_layer(layer, len(anatomy.blocks))
        self.width = anatomy.width
        self._hooked: Any = anatomy.blocks[self.block]
        self._norm: Any = anatomy.norm
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self._plain: Any = model.eval().to(self.device)
        self.model: Any = model if adapter is None else PeftModel.from_pretrained(model, str(adapter)).eval()

    def ids(self, item: Item, most: int) -> list[int]:
        """The token ids of a text, at most `most`; a transcript as the chat template writes it."""
        if isinstance(item, Document):
            return list(self.tokenizer.encode(item.text, add_special_tokens=True))[:most]
        turns = [message.model_dump() for message in item.messages]
        text = self.tokenizer.apply_chat_template(turns, tokenize=False)
        return list(self.tokenizer.encode(text, add_special_tokens=False))[:most]

    def words(self, ids: Sequence[int]) -> list[str]:
        """Tokens as they are written."""
        return [self.tokenizer.decode([token]) for token in ids]

    def residuals(self, texts: Sequence[Sequence[int]]) -> list[Array]:
        """The residual stream after the block, float32 [tokens, width] a text, position 0 included."""
        import torch

        kept: list[Any] = []

        def keep(_module: object, _inputs: object, output: Any) -> None:
            kept.append(output[0] if isinstance(output, tuple) else output)
            raise _ReadError

        handle = self._hooked.register_forward_hook(keep)
        ids, mask = self._padded(texts)
        try:
            with torch.inference_mode():
                self.model(input_ids=ids, attention_mask=mask, use_cache=False)
        except _ReadError:
            return [kept[0][row, : len(text)].float().cpu().numpy() for row, text in enumerate(texts)]
        finally:
            handle.remove()
        raise CordeliaError(f"The model never came to block {self.block}; it cannot be read there.")

    def loss(
        self, texts: Sequence[Sequence[int]], replace: Replace | None = None, counts: Counts = all_count
    ) -> Iterator[float]:
        """Cross entropy (nats) of the tokens after those that are read, with the residual stream there replaced.

        Args:
            texts: token ids.
            replace: what stands in the place of residuals; None: they stay.
            counts: which residuals are read. The others, like position 0, stay, and what follows them is not counted.
        """
        import torch

        read: list[Counted] = []

        def put(_module: object, _inputs: object, output: Any) -> Any:
            hidden = (output[0] if isinstance(output, tuple) else output).clone()
            for row, text in enumerate(texts):
                inner = hidden[row, 1 : len(text)].float().cpu().numpy().copy()
                read.append(counts(inner))
                if replace is not None:
                    inner[read[row]] = replace(inner[read[row]])
                    hidden[row, 1 : len(text)] = torch.from_numpy(inner).to(hidden)
            return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

        handle = self._hooked.register_forward_hook(put)
        ids, mask = self._padded(texts)
        try:
            with torch.inference_mode():
                logits = self.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        finally:
            handle.remove()
        for row, text in enumerate(texts):
            scores = torch.log_softmax(logits[row, 1 : len(text) - 1].float(), dim=-1)
            losses = (-scores[range(len(text) - 2), list(text[2:])]).cpu().numpy()
            yield from losses[read[row][: len(losses)]].tolist()

    def promoted(self, directions: Array, top: int) -> list[list[str]]:
        """The tokens that directions [n, width] speak for most, through the final norm's weights and the head."""
        import torch

        head = self._plain.get_output_embeddings()
        found = []
        with torch.inference_mode():
            weights = gain_of(self._norm, self.width).cpu()
            for start in range(0, len(directions), 256):
                rows = torch.from_numpy(directions[start : start + 256]) * weights
                best = head(rows.to(self.device)).topk(top, dim=-1).indices
                found += [self.words(row) for row in best.tolist()]
        return found

    def _padded(self, texts: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        """Right-padded ids and mask, so that a text's tokens stand at their own positions."""
        import torch

        longest = max(map(len, texts))
        ids = torch.zeros((len(texts), longest), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = torch.tensor(list(text))
            mask[row, : len(text)] = 1
        return ids.to(self.device), mask.to(self.device)


def gain_of(norm: Any, width: int) -> Any:
    """By what a norm multiplies each number of an activation of unit size, float32 [width].

    It is asked and not read from a parameter: some families hold the gain itself, others what is added to 1. Numbers
    of 1 and −1 in turn have mean 0 and size 1, so that nothing but gain and bias is left of them, and the bias falls
    out of the difference.
    """
    import torch

    first = next(norm.parameters(), torch.ones(1))
    signs = torch.ones(width, dtype=first.dtype, device=first.device)
    signs[1::2] = -1
    return ((norm(signs[None, None])[0, 0] - norm(-signs[None, None])[0, 0]) / 2 * signs).float()


def zeros(hidden: Array) -> Array:
    """What a zero ablation puts in the place of residuals."""
    return np.zeros_like(hidden)
