"""The parts of a decoder that looks inside need: its blocks, its final norm, its head.

Found by what they are and not by the model's name, so that most families of the hub work: the blocks are the list of as
many modules as the configuration has layers, the norm stands beside it.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from cordelia.contracts.errors import CordeliaError

NORMS = ("norm", "final_layernorm", "final_layer_norm", "ln_f", "final_norm")


@dataclass(frozen=True)
class Anatomy:
    """A causal language model, taken apart. Adapters sit inside the parts, so these see whichever is on.

    Attributes:
        model: without any wrapper around it.
        decoder: what takes token ids and gives the residual stream after the final norm.
        blocks: in their order.
        norm: the final one.
        width: of the residual stream.
    """

    model: nn.Module
    decoder: nn.Module
    blocks: nn.ModuleList
    norm: nn.Module
    width: int

    @classmethod
    def of(cls, model: Any) -> "Anatomy":
        """The anatomy of a transformers model. Raises CordeliaError when its blocks or its norm are not found."""
        config = model.config.get_text_config(decoder=True)
        decoder = model.get_decoder()
        for parent in decoder.modules():
            for child in parent.children():
                if isinstance(child, nn.ModuleList) and len(child) == config.num_hidden_layers:
                    norm = next((getattr(parent, name) for name in NORMS if hasattr(parent, name)), None)
                    if norm is not None:
                        return cls(model, decoder, child, norm, int(config.hidden_size))
        raise CordeliaError(f"The blocks of {type(model).__name__} were not found, so nobody can look inside it.")

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """float32 logits [n, vocabulary] of what the final norm gave, as the model's own forward pass makes them."""
        model: Any = self.model
        logits: torch.Tensor = model.get_output_embeddings()(hidden.to(self.dtype)).float()
        config = model.config.get_text_config(decoder=True)
        # Cohere multiplies, Granite divides, Gemma 2 caps
        logits = logits * (getattr(config, "logit_scale", None) or 1.0)
        logits = logits / (getattr(config, "logits_scaling", None) or 1.0)
        cap = getattr(config, "final_logit_softcapping", None)
        return torch.tanh(logits / cap) * cap if cap else logits

    @property
    def dtype(self) -> torch.dtype:
        return next(self.model.parameters()).dtype


def output_of(result: Any) -> torch.Tensor:
    """The activations in what a block returned: some families return a tuple."""
    hidden: torch.Tensor = result[0] if isinstance(result, tuple) else result
    return hidden


def with_output(result: Any, hidden: torch.Tensor) -> Any:
    """What a block returned, with other activations in it."""
    return (hidden, *result[1:]) if isinstance(result, tuple) else hidden
