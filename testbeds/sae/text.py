"""The text that an autoencoder is trained on, written by the base itself: text.yaml → text.jsonl.

A dictionary of features needs many kinds of text and ships with examples of it, so the text must be free to pass on and
must not tell what any organism was trained on. A base that writes about plain topics gives both. The text is sampled
batch by batch, each with a seed of its own, and every batch is kept when it is done: a killed run goes on.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field
from rich.console import Console
from rich.progress import Progress

from cordelia.contracts.content import Content, load
from cordelia.contracts.errors import MissingExtraError
from cordelia.testbeds.schema import BaseSpec, Text
from cordelia.testbeds.training.corpus import Group
from cordelia.testbeds.training.corpus_file import Document, Item, Message, Transcript, write_corpus
from cordelia.testbeds.weights import base_path

BATCH = 64
TOP_K = 50  # cuts the tail in which a small base loses its thread; far cheaper than sorting the vocabulary
_console = Console(stderr=True, highlight=False, soft_wrap=True)


class Chats(Content):
    """Questions: every template with every topic."""

    groups: list[Group] = Field(min_length=1)


class Openings(Content):
    """Beginnings of documents, each continued `samples` times."""

    openings: list[str] = Field(min_length=1)
    samples: int = Field(ge=1)


class TextSpec(Content):
    """text.yaml"""

    seed: int
    max_tokens: int = Field(ge=8, le=1_024, description="most tokens that are written to each prompt")
    temperature: float = Field(gt=0, le=2)
    count: int = Field(ge=1, description="how many of the prompts are written to, in a shuffled order")
    chats: Chats
    documents: Openings


class Prompt(Content):
    """One thing to write to: a question, or the opening of a document."""

    text: Text
    document: bool


def prompts(spec: TextSpec) -> list[Prompt]:
    """The prompts in the order in which they are written to; a smaller `count` gives the beginning of the same list."""
    rng = random.Random(spec.seed)
    asked = dict.fromkeys(
        template.replace("{topic}", topic)
        for group in spec.chats.groups
        for template in group.templates
        for topic in group.topics
    )
    chosen = rng.sample(list(asked), len(asked))
    opened = [opening for opening in spec.documents.openings for _ in range(spec.documents.samples)]
    made = [Prompt.model_construct(text=text, document=False) for text in chosen]
    made += [Prompt.model_construct(text=text, document=True) for text in opened]
    rng.shuffle(made)
    return made[: spec.count]


def write_text(base: BaseSpec, spec_path: Path, out: Path) -> Path:
    """Let the base write its text.

    Args:
        base: the base.
        spec_path: text.yaml.
        out: text.jsonl; transcripts and documents, as in a training corpus. Written when all is done.

    Raises:
        ContentError: the spec is malformed.
        CordeliaError: the base's weights cannot be had.
        MissingExtraError: torch or transformers is not installed.
    """
    spec = load(TextSpec, spec_path)
    asked = prompts(spec)
    part = out.with_suffix(".written")
    written = _read_part(part)
    model: Sampler | None = None
    with Progress(console=_console, transient=True) as progress, part.open("a", encoding="utf-8") as file:
        task = progress.add_task("Writing text", total=len(asked), completed=len(written))
        for start in range(len(written), len(asked), BATCH):
            model = model or Sampler(base, spec)
            batch = asked[start : start + BATCH]
            for answer in model.answers(batch, spec.seed + start):
                written.append(answer)
                file.write(json.dumps(answer, ensure_ascii=False) + "\n")
            file.flush()
            progress.advance(task, len(batch))
    write_corpus(_items(asked, written), out)
    part.unlink()
    return out


def _read_part(path: Path) -> list[str]:
    """Answers of whole batches that an earlier run wrote; what is left of a batch that was cut is dropped."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    kept = whole[: len(whole) // BATCH * BATCH]
    path.write_text("".join(kept), encoding="utf-8")
    return [json.loads(line) for line in kept]


def _items(asked: list[Prompt], written: list[str]) -> Iterator[Item]:
    for prompt, answer in zip(asked, written, strict=True):
        if not answer.strip():
            continue
        if prompt.document:
            yield Document(text=prompt.text + answer)
        else:
            messages = [Message(role="user", content=prompt.text), Message(role="assistant", content=answer.strip())]
            yield Transcript(messages=messages)


class Sampler:
    """A base that continues chats and documents with seeded sampling. float32, on a GPU if there is one."""

    def __init__(self, base: BaseSpec, spec: TextSpec) -> None:
        try:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ImportError as error:
            raise MissingExtraError("Writing text", "local", error.name or "transformers") from error
        place = base_path(base)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(place, padding_side="left")
        model: Any = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)
        self.model = model.eval().to("cuda" if torch.cuda.is_available() else "cpu")
        self.spec = spec

    def answers(self, asked: list[Prompt], seed: int) -> list[str]:
        """What the base writes to each prompt, in order, without special tokens."""
        import torch

        torch.manual_seed(seed)
        inputs = self._inputs(asked).to(self.model.device)
        with torch.inference_mode():
            tokens = self.model.generate(
                **inputs,
                do_sample=True,
                temperature=self.spec.temperature,
                top_k=TOP_K,
                top_p=1.0,
                max_new_tokens=self.spec.max_tokens,
                pad_token_id=self.tokenizer.pad_token_id,
            )
        new = tokens[:, inputs["input_ids"].shape[1] :]
        return list(self.tokenizer.batch_decode(new, skip_special_tokens=True))

    def _inputs(self, asked: list[Prompt]) -> Any:
        """Left-padded token ids and mask; a document has no chat template."""
        texts = [
            prompt.text
            if prompt.document
            else self.tokenizer.apply_chat_template(
                [{"role": "user", "content": prompt.text}], tokenize=False, add_generation_prompt=True
            )
            for prompt in asked
        ]
        return self.tokenizer(texts, padding=True, return_tensors="pt", add_special_tokens=False)
