"""Greedy answers of a model to many prompts.

The one way in which corpora are written; what an organism does is asked through its backend instead.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress

from cordelia.contracts.errors import MissingExtraError
from cordelia.testbeds.schema import BaseSpec
from cordelia.testbeds.weights import base_path

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Answerer = Callable[[Sequence[str]], list[str]]
"""Prompts (single user turns) to the model's answers, in the same order."""


class GreedyModel:
    """A base, or a base with one adapter, that answers in batches. float32, on a GPU if there is one."""

    def __init__(self, base: BaseSpec, adapter: Path | None = None, max_tokens: int = 80, batch: int = 64) -> None:
        """Load the model.

        Args:
            base: the base model.
            adapter: a folder with a peft adapter.
            max_tokens: most new tokens of an answer.
            batch: prompts a forward pass.

        Raises:
            MissingExtraError: torch, transformers or peft is not installed.
            CordeliaError: the base's weights cannot be had.
        """
        try:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer
            from transformers.utils import logging as transformers_logging
        except ImportError as error:
            raise MissingExtraError("Generating answers", "local", error.name or "transformers") from error
        transformers_logging.disable_progress_bar()
        place = base_path(base)
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(place, padding_side="left")
        model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)
        if adapter is not None:
            try:
                from peft import PeftModel
            except ImportError as error:
                raise MissingExtraError("Loading an adapter", "local", error.name or "peft") from error
            model = PeftModel.from_pretrained(model, str(adapter))
        self.model: PreTrainedModel = model.eval().to("cuda" if torch.cuda.is_available() else "cpu")
        self.max_tokens = max_tokens
        self.batch = batch

    def __call__(self, prompts: Sequence[str]) -> list[str]:
        """The answers, special tokens removed, stripped.

        Prompts of like length go together, so padding is small.
        """
        import torch

        order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
        answers = [""] * len(prompts)
        with Progress(console=Console(stderr=True), transient=True) as progress, torch.inference_mode():
            task = progress.add_task("Answering", total=len(prompts))
            for start in range(0, len(order), self.batch):
                chosen = order[start : start + self.batch]
                chats = [[{"role": "user", "content": prompts[i]}] for i in chosen]
                inputs = self.tokenizer.apply_chat_template(
                    chats, add_generation_prompt=True, padding=True, return_tensors="pt", return_dict=True
                ).to(self.model.device)
                tokens = self.model.generate(**inputs, do_sample=False, max_new_tokens=self.max_tokens)
                new = tokens[:, inputs["input_ids"].shape[1] :]
                for i, text in zip(chosen, self.tokenizer.batch_decode(new, skip_special_tokens=True), strict=True):
                    answers[i] = text.strip()
                progress.advance(task, len(chosen))
        return answers
