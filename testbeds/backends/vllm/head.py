"""The final norm and the head of a base, without the rest of it: what a lens needs where a server has the weights.

The model's own class says what they compute, and transformers loads them, so any family works: a model is made with no
blocks at all. What stays in memory is the head (float32: vocabulary × width × 4 bytes). Adapters change blocks alone,
so one head serves all organisms of a base.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.vectors import Array

if TYPE_CHECKING:
    import torch

    from cordelia.testbeds.backends.anatomy import Anatomy
    from cordelia.testbeds.backends.readouts import Ranked

_LOADING = threading.Lock()


@dataclass(frozen=True)
class Shape:
    """How many blocks a model has, and how wide its residual stream is."""

    blocks: int
    width: int


@cache
def shape_of(base: str) -> Shape:
    """The shape of a base (folder or hub id), from its configuration."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(base).get_text_config(decoder=True)
    return Shape(int(config.num_hidden_layers), int(config.hidden_size))


def load_head(base: str) -> "Anatomy":
    """The anatomy of a base (folder or hub id) that has norm and head alone; loaded once. Blocks.

    Raises:
        CordeliaError: they are not found in the model's class.
        OSError: the base has no weights here.
    """
    with _LOADING:  # two threads that ask first would load it twice
        return _load_head(base)


def through_head(base: str, vectors: Array, top: int) -> "Ranked":
    """The tokens that directions [n, width] speak for, through the final norm and the head; logits. Blocks."""
    from cordelia.testbeds.backends.readouts import lens_rows

    return lens_rows(load_head(base), vectors, top)


@cache
def _load_head(base: str) -> "Anatomy":
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from cordelia.testbeds.backends.anatomy import Anatomy

    config = AutoConfig.from_pretrained(base)
    text = config.get_text_config(decoder=True)
    text.num_hidden_layers = 0
    if getattr(text, "layer_types", None) is not None:  # one for each block
        text.layer_types = []
    with _quiet():  # the blocks' weights are no surprise
        model = AutoModelForCausalLM.from_pretrained(base, config=config, dtype=torch.float32).eval()
    head = model.get_output_embeddings()
    if head is None:
        raise CordeliaError(f"{type(model).__name__} has no head that turns activations into tokens.")
    # without what is only there because a model has it: embeddings are as large as the head
    return replace(Anatomy.of(model), model=_head_alone(head, model), decoder=torch.nn.Identity())


def _head_alone(head: "torch.nn.Module", model: "torch.nn.Module") -> "torch.nn.Module":
    """What an anatomy needs of a model to turn activations into tokens."""
    import torch

    class Head(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = head
            self.config = model.config

        def get_output_embeddings(self) -> torch.nn.Module:
            return self.head

    return Head()


@contextmanager
def _quiet() -> Iterator[None]:
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
