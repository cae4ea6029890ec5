"""What audits like those of a sweep have spent before, read from logs: the ground of the plan's estimates.

Time is the time in which at least one audit of a log ran, shared among its audits, so it holds for as many at once as
ran then, and the pause between a kill and its retry is not in it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean
from zipfile import BadZipFile

from inspect_ai.log import EvalLog, EvalSampleSummary, read_eval_log, read_eval_log_sample_summaries
from inspect_ai.model import ModelUsage, compute_model_cost

from cordelia.sweeps.prices import price_of

TASK_MARK = "cordelia"
"""Key of the metadata of every audit."""

Key = tuple[str, ...]


@dataclass(frozen=True)
class Spent:
    """What one audit spent.

    Attributes:
        tokens: of auditor, helper and grader.
        money: None where a price is not known.
        seconds: its share of the time of its log.
    """

    tokens: float
    queries: float
    money: float | None
    seconds: float | None


@dataclass
class History:
    """Earlier audits, by what they were."""

    by_key: dict[Key, list[Spent]] = field(default_factory=dict)

    def add(self, key: Key, spent: Sequence[Spent]) -> None:
        """Note audits under a key and each of its beginnings, from the most special to the most general."""
        for length in range(2, len(key) + 1):
            self.by_key.setdefault(key[:length], []).extend(spent)

    def like(self, key: Key) -> tuple[list[Spent], bool]:
        """The audits that are most like it, of the longest beginning of the key that has any; and whether it is all."""
        beginnings = (key[:length] for length in range(len(key), 1, -1))
        found = next((each for each in beginnings if each in self.by_key), ())
        return self.by_key.get(found, []), found == key


def key_of(solver: str, model: str, testbed: str, args: Mapping[str, object], affordances: Iterable[str]) -> Key:
    """What decides the cost of an audit, the most decisive first."""
    name = solver.rpartition("/")[2].rpartition("@")[2]
    if name == "auditor":
        name = "baseline" if model in {"none", "none/none"} else "investigator"
    given = {key: value for key, value in args.items() if value is not None}
    return (
        name,
        model.removesuffix("/none"),
        testbed,
        json.dumps(given, sort_keys=True),
        ",".join(sorted(affordances)),
    )


def read_history(files: Iterable[str]) -> History:
    """The audits in logs; what is no audit, or cannot be read, is passed over: estimates can do without."""
    history = History()
    for file in files:
        try:
            header = read_eval_log(file, header_only=True)
            if TASK_MARK in (header.eval.metadata or {}):
                history.add(_key(header), _spent(header, read_eval_log_sample_summaries(file)))
        except (ValueError, OSError, KeyError, BadZipFile):
            continue
    return history


def _key(header: EvalLog) -> Key:
    metadata = header.eval.metadata or {}
    last = header.plan.steps[-1] if header.plan.steps else None
    return key_of(
        last.solver if last else "",
        header.eval.model,
        str(metadata.get("testbed", "")),
        (last.params_passed or {}) if last else {},
        [str(name) for name in metadata.get("affordances", [])],
    )


def _spent(header: EvalLog, samples: Sequence[EvalSampleSummary]) -> list[Spent]:
    done = [sample for sample in samples if not sample.error]
    seconds = seconds_each(done)
    found = []
    for sample in done:
        costs = _costs(sample)
        grader = sample.role_usage.get("grader")
        found.append(
            Spent(
                tokens=costs.get("auditor_tokens", 0)
                + costs.get("helper_tokens", 0)
                + (grader.total_tokens if grader else 0),
                queries=costs.get("target_queries", 0),
                money=_money(header, sample.model_usage),
                seconds=seconds,
            )
        )
    return found


def _costs(sample: EvalSampleSummary) -> dict[str, float]:
    for name, score in (sample.scores or {}).items():
        if name.rpartition("/")[2] == "cost" and isinstance(score.value, dict):
            return {key: float(value) for key, value in score.value.items() if isinstance(value, int | float)}
    return {}


def _money(header: EvalLog, usage: Mapping[str, ModelUsage]) -> float | None:
    total = 0.0
    for model, used in usage.items():
        if used.total_cost is not None:
            total += used.total_cost
            continue
        price = price_of(_paid(model, header))
        if price is None:
            return None
        total += compute_model_cost(price, used)
    return total


def _paid(model: str, header: EvalLog) -> str:
    """The model that a bill would name: an organism on somebody's API is paid as its base."""
    target = (header.eval.metadata or {}).get("target_args") or {}
    served_here = target.get("backend") in {"transformers", "vllm"}
    return model if not model.startswith("organism/") or served_here else str(target.get("base", model))


def seconds_each(samples: Sequence[EvalSampleSummary]) -> float | None:
    """Seconds in which at least one sample ran, for each of them."""
    spans = sorted(
        (datetime.fromisoformat(sample.started_at), datetime.fromisoformat(sample.completed_at))
        for sample in samples
        if sample.started_at and sample.completed_at
    )
    if not spans or len(spans) < len(samples):
        return None
    busy, until = 0.0, spans[0][0]
    for start, end in spans:
        busy += max(0.0, (end - max(start, until)).total_seconds())
        until = max(until, end)
    return busy / len(spans)


def mean_of(values: Sequence[float | None]) -> float | None:
    """None where there is nothing, or where one is not known."""
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
