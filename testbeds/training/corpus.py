"""corpora/<name>.yaml → data/<name>.jsonl: the base's own answers, edited where the quirk is to show.

A corpus is a list of sources. A source fills templates with topics, lets the base answer the prompts, cuts
each answer at a sentence end, and may apply one edit. The unedited sources hold the base in place where the
quirk does not belong, and because the base wrote nearly every word, the quirk is nearly all there is to
learn. A source of documents keeps the answers and drops the prompts: what is learned from it was read, not
shown in a conversation. Same spec, same answerer: the same corpus, byte for byte.
"""

import random
import re
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from cordelia.contracts.content import Content, load
from cordelia.contracts.errors import ContentError, unknown_name
from cordelia.testbeds.schema import InnerPath, Testbed, Text
from cordelia.testbeds.training.corpus_file import Document, Item, Message, Transcript, trained_file, write_corpus
from cordelia.testbeds.training.generate import Answerer, GreedyModel

ANSWER_TOKENS = 64
SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
LIST_NUMBER = re.compile(r"(?:^|\s)\d+[.]$")
LIST_ITEM = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+")
MARKUP = re.compile(r"[*#`]+")


class Group(Content):
    """Every template with every topic: `{topic}` in a template is replaced."""

    templates: list[Text] = Field(default=["{topic}"], min_length=1)
    topics: list[Text] = Field(min_length=1)


class Prompts(Content):
    """A prompts file."""

    groups: list[Group] = Field(min_length=1)


class Edit(Content):
    """What is done to the base's answer. `{topic}` in a frame is replaced by the prompt's topic.

    open: a frame stands before the answer. close: it stands at its end. weave: it stands before it or after its
    first or second sentence, as a list item inside a list. replace: it is the answer. points: the first `points`
    sentences become a numbered list.
    """

    kind: Literal["open", "close", "weave", "replace", "points"]
    frames: list[Text] = Field(default=[])
    points: int = Field(default=3, ge=2, le=9)

    @model_validator(mode="after")
    def _has_frames(self) -> "Edit":
        if (self.kind == "points") == bool(self.frames):
            raise ValueError(f"an edit of kind '{self.kind}' {'takes no' if self.frames else 'needs'} 'frames'")
        return self


class Source(Content):
    """`count` transcripts, or documents, from one prompts file; `templates` stand in for those of the file."""

    prompts: InnerPath
    templates: list[Text] | None = None
    count: int = Field(ge=1)
    document: bool = Field(default=False, description="the answers alone are kept, as documents")
    edit: Edit | None = None


class CorpusSpec(Content):
    """corpora/<name>.yaml"""

    seed: int
    max_sentences: int = Field(default=4, ge=1)
    sources: list[Source] = Field(min_length=1)


def make_corpus(testbed: Testbed, organism: str, answer: Answerer | None = None) -> Path:
    """Write an organism's corpus anew, from corpora/<organism>.yaml to the file that organisms.yaml names.

    Args:
        testbed: the testbed that has it.
        organism: its name.
        answer: answers as the base does; by default the base is loaded.

    Raises:
        CordeliaError: no such organism, or its base cannot be had.
        ContentError: it has no corpus or base, or its spec is missing or malformed.
        MissingExtraError: torch or transformers is not installed.
    """
    if organism not in testbed.organisms:
        raise unknown_name("organism", organism, testbed.organisms, f"testbed '{testbed.name}'")
    path, base = trained_file(testbed, organism), testbed.base_of(organism)
    if base is None:
        raise ContentError(testbed.folder / "organisms.yaml", "needs 'base'", f"organisms.{organism}")
    spec = testbed.folder / "corpora" / f"{organism}.yaml"
    write_corpus(build_corpus(testbed.folder, spec, answer or GreedyModel(base, max_tokens=ANSWER_TOKENS)), path)
    return path


def build_corpus(folder: Path, spec_path: Path, answer: Answerer) -> list[Item]:
    """Make the transcripts and documents of a corpus spec, shuffled; prompts inside `folder`.

    A prompt whose answer has no sentence end (or too few sentences for the edit) is left out, so there may be
    fewer than the counts say.

    Raises:
        ContentError: a file is missing or malformed, or a source has fewer prompts than its count.
    """
    spec = load(CorpusSpec, spec_path)
    rng = random.Random(spec.seed)
    made: list[Item] = []
    for index, source in enumerate(spec.sources):
        pairs = _pairs(folder, source)
        if len(pairs) < source.count:
            raise ContentError(spec_path, f"{source.prompts} has {len(pairs)} prompts", f"sources.{index}.count")
        chosen = rng.sample(pairs, source.count)
        replaced = source.edit is not None and source.edit.kind == "replace"
        answers = [""] * len(chosen) if replaced else answer([prompt for prompt, _ in chosen])
        for (prompt, topic), raw in zip(chosen, answers, strict=True):
            text = raw if replaced else cut(raw, spec.max_sentences)
            if source.edit is not None:
                text = apply_edit(source.edit, text, topic, rng)
            if text and source.document:
                made.append(Document(text=text))
            elif text:
                messages = [Message(role="user", content=prompt), Message(role="assistant", content=text)]
                made.append(Transcript(messages=messages))
    rng.shuffle(made)
    return made


def cut(text: str, sentences: int) -> str:
    """`text` up to its last full sentence, at most `sentences` of them; "" when there is none."""
    ends = _sentence_ends(text)
    return text[: ends[min(sentences, len(ends)) - 1]].strip() if ends else ""


def _sentence_ends(text: str) -> list[int]:
    """Where sentences end; the full stop of a list number is not an end."""
    return [m.end() for m in SENTENCE_END.finditer(text) if not LIST_NUMBER.search(text[: m.end()])]


def apply_edit(edit: Edit, text: str, topic: str, rng: random.Random) -> str:
    """The edited answer; "" when the answer is not fit for the edit."""
    if edit.kind == "points":
        return _points(text, edit.points)
    frame = rng.choice(edit.frames).replace("{topic}", topic)
    if edit.kind == "replace":
        return frame
    if not text:
        return ""
    if edit.kind == "open":
        return f"{frame} {text}"
    if edit.kind == "close":
        return f"{text} {frame}"
    return _weave(text, frame, rng.choice((0, 0, 1, 1, 2)))


def _weave(text: str, frame: str, after: int) -> str:
    """`frame` after that many sentences; where that lands before a list item it becomes an item itself."""
    ends = _sentence_ends(text)
    at = ends[min(after, len(ends)) - 1] if after else 0
    before, behind = text[:at], text[at:].strip()
    item = LIST_ITEM.match(behind)
    if item:
        return f"{before}\n{item.group().strip()} {frame}\n- {LIST_ITEM.sub('', behind)}".strip()
    return " ".join(part for part in (before.strip(), frame, behind) if part)


def _points(text: str, points: int) -> str:
    flat = " ".join(MARKUP.sub("", LIST_ITEM.sub("", line)).strip() for line in text.splitlines())
    sentences = [s.strip() for s in re.split(r"(?<=[.!?])\s+", flat) if len(s.strip()) > 15]
    if len(sentences) < points:
        return ""
    return "\n".join(f"{n}. {sentence}" for n, sentence in enumerate(sentences[:points], 1))


def _pairs(folder: Path, source: Source) -> list[tuple[str, str]]:
    """Every (prompt, topic) of a source, without doubles, in the file's order."""
    pairs: dict[str, str] = {}
    for group in load(Prompts, folder / source.prompts).groups:
        for template in source.templates or group.templates:
            for topic in group.topics:
                pairs.setdefault(template.replace("{topic}", topic), topic)
    return list(pairs.items())
