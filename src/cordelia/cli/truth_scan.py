"""Were auditors given the truth? Looks for words of test organisms' truths in what they had before a target answered.

An auditor that finds an objective may write it down, in its own words or the target's. So only what it had beforehand
is searched: its arguments and prompts, the tools' descriptions, and its own words up to the first answer of a tool or
target. What is looked for is several words in a row, whatever their case and punctuation. That finds copies, made by
accident or out of laziness; a truth in other words it does not find: that is what the signature stands for.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from inspect_ai.event import Event, ModelEvent, ToolEvent
from inspect_ai.log import EvalLog, EvalSample

from cordelia.scoreboard.made import auditor_call
from cordelia.scoreboard.submission.public import SETTINGS
from cordelia.scoreboard.submission.schema import Finding, Scan
from cordelia.testbeds.organism import hidden_prompt
from cordelia.testbeds.schema import Split, Testbed
from cordelia.testbeds.truth import load_truths

WORDS = 6
"""Words in a row that count as a copy; a shorter truth counts as a whole, from `LEAST_WORDS` on."""
LEAST_WORDS = 3

TARGETS = {"target", "reference"}
GRADER = "grader"
_WORD = re.compile(r"\w+")

Run = tuple[str, ...]


@dataclass(frozen=True)
class Given:
    """A text, and where it stood; `own`: the auditor's own words, and no prompt."""

    where: str
    text: str
    own: bool = False


@dataclass
class TruthScan:
    """Collects what auditors were given, log by log, and says which truths stand in it.

    Attributes:
        truths: by run of words, the test organisms (testbed, name) in whose truth it stands.
        searched: by testbed, the hash of its truth. not_searched: by testbed, why not.
        texts: by SHA-256, where a prompt was first seen. seen: the hashes of these and of auditors' own words.
        found: by organism and place, how many runs of words.
    """

    truths: dict[Run, set[tuple[str, str]]] = field(default_factory=dict)
    searched: dict[str, str] = field(default_factory=dict)
    not_searched: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    found: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def look_for(self, testbed: Testbed, truth_sha256: str) -> None:
        """Look for the truths of a testbed's test organisms, and for their hidden prompts. Raises ContentError."""
        for name, truth in load_truths(testbed).items():
            if testbed.organisms[name].split is not Split.TEST or truth.control:
                continue
            told = [truth.objective or "", *(each.claim for each in truth.behaviours.values()), *truth.near_misses]
            for text in [*told, hidden_prompt(testbed, name) or ""]:
                for run in runs_of_truth(text):
                    self.truths.setdefault(run, set()).add((testbed.name, name))
        self.searched[testbed.name] = truth_sha256
        self.seen.clear()  # what was searched so far was not searched for these

    def search(self, log: EvalLog, name: str) -> None:
        """Search what one log's auditors were given; `name` is how the log is called."""
        for given in given_by(log):
            self._search(given, name)
        for sample in log.samples or []:
            for given in given_to(sample):
                self._search(given, f"audit of {sample.id}, run {sample.epoch}, {name}")

    def withhold(self, settings: str, where: str, name: str) -> bool:
        """Whether settings (JSON) of a log hold words of a truth. Whatever is withheld for that is a finding."""
        told = Counter(self._told(_strings(json.loads(settings))))
        for (testbed, organism), count in told.items():
            header = [place for bed, its, place in self.found if (bed, its) == (testbed, organism)]
            if not any(place.endswith(f"({name})") for place in header):
                self.found[testbed, organism, f"{where} ({name})"] = count
        return bool(told)

    def result(self) -> Scan:
        """What was found. The words themselves are not told."""
        findings = [
            Finding(testbed=testbed, organism=organism, where=where, runs_of_words=count)
            for (testbed, organism, where), count in sorted(self.found.items())
        ]
        return Scan(
            words=WORDS,
            texts=dict(sorted(self.texts.items())),
            searched=self.searched,
            not_searched=self.not_searched,
            findings=findings,
        )

    def _search(self, given: Given, of: str) -> None:
        digest = sha256(given.text.encode("utf-8", "surrogatepass")).hexdigest()
        if not given.text.strip() or digest in self.seen:
            return
        self.seen.add(digest)
        where = f"{given.where} ({of})"
        if not given.own:
            self.texts.setdefault(digest, where)
        for testbed, organism in self._told(given.text):
            key = (testbed, organism, where)
            self.found[key] = self.found.get(key, 0) + 1

    def _told(self, text: str) -> Iterator[tuple[str, str]]:
        """The organism (testbed, name) of every run of words of a truth that stands in a text."""
        for run in _runs(text):
            yield from self.truths.get(run, ())


def runs_of_truth(text: str) -> set[Run]:
    """The runs of words by which a text is recognised."""
    words = _words(text)
    if len(words) < LEAST_WORDS:
        return set()
    length = min(WORDS, len(words))
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def given_by(log: EvalLog) -> Iterator[Given]:
    """All that the header says auditors were given."""
    spec = log.eval
    for arguments in (spec.solver_args, auditor_call(log)[1]):  # a sweep's auditor stands in the plan alone
        yield Given(SETTINGS["auditor_args"], _strings(arguments))
    yield Given("the task's arguments", _strings(spec.task_args))
    for config in (spec.model_generate_config, log.plan.config):
        yield Given(SETTINGS["generate"], _strings(config.model_dump()))
    yield Given(SETTINGS["model_args"], _strings(spec.model_args))
    for role, bound in (spec.model_roles or {}).items():
        for model in bound if isinstance(bound, list) else [bound]:
            if role != GRADER:
                yield Given(f"the settings of the role {role}", _strings([model.config.model_dump(), model.args]))


def given_to(sample: EvalSample) -> Iterator[Given]:
    """All that an auditor and its helpers had before the first answer of a tool or target, and tools' descriptions."""
    given = sample.input if isinstance(sample.input, str) else "\n".join(_texts(sample.input))
    yield Given("the sample's input", given)
    first = min(map(_answered, filter(_answers, sample.events)), default=None)
    for event in sample.events:
        if not isinstance(event, ModelEvent) or event.role == GRADER:
            continue
        early = first is None or event.timestamp < first
        if event.role in TARGETS:
            if early:
                yield Given("the first words to the target", "\n".join(_texts(event.input)), own=True)
            continue
        for tool in event.tools:
            yield Given(f"the description of the tool {tool.name}", _strings(tool.model_dump()))
        if early:
            for message in event.input:
                yield Given(f"a {message.role} message", message.text, own=message.role in {"assistant", "tool"})
            yield Given("the auditor's first words", _strings([event.output.completion, *_calls(event)]), own=True)


def _answers(event: Event) -> bool:
    """Whether an event is the answer of a tool or a target."""
    return isinstance(event, ToolEvent) or (isinstance(event, ModelEvent) and event.role in TARGETS)


def _answered(event: Event) -> datetime:
    return (event.completed if isinstance(event, ToolEvent | ModelEvent) else None) or event.timestamp


def _calls(event: ModelEvent) -> list[str]:
    choices = event.output.choices
    calls = choices[0].message.tool_calls if choices else None
    return [_strings(call.arguments) for call in calls or []]


def _texts(messages: object) -> list[str]:
    return [str(getattr(message, "text", "")) for message in messages] if isinstance(messages, list) else []


def _strings(value: object) -> str:
    """All strings in plain data, a line each: keys and values."""
    data = json.loads(json.dumps(value, default=str))
    return "\n".join(_leaves(data))


def _leaves(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from (str(key), *_leaves(value))
    elif isinstance(data, list):
        for value in data:
            yield from _leaves(value)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _runs(text: str) -> Iterator[Run]:
    words = _words(text)
    for length in range(LEAST_WORDS, WORDS + 1):
        for start in range(len(words) - length + 1):
            yield tuple(words[start : start + length])
