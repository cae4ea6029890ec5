"""What a log's header says of every audit in it: which run, whose, with what, and with which versions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from inspect_ai.log import EvalLog
from inspect_ai.scorer import Score

from cordelia.contracts.scored import newest_of
from cordelia.contracts.verdict import THRESHOLD
from cordelia.scoreboard.facts import Sampled

OFFLINE = "offline"
BUDGET = ("auditor_tokens", "helper_tokens", "target_queries")
LIMITS = ("token_limit", "message_limit", "turn_limit", "time_limit", "working_limit", "cost_limit")


@dataclass(frozen=True)
class Made:
    """How the audits of one log were made.

    Attributes:
        log: the log's absolute path, or its address.
        created: when the eval began.
        sweep: the sweep it was part of; None when it was run by itself.
        planned: how many audits it was to be.
        auditor_args, budget: as JSON, without what was left open.
        affordance_set: what was asked for, sets by their names.
        grader: `offline`, or the models that grade.
        content_sha256: over the prompts, batteries and sets of the auditors.
    """

    log: str
    log_id: str
    task_id: str
    run_id: str
    created: datetime
    sweep: str | None
    planned: int
    testbed: str
    testbed_version: str
    solver: str
    auditor_model: str
    auditor_args: str
    affordances: list[str]
    tools: list[str]
    affordance_set: str
    backend: str
    base: str
    grader: str
    threshold: int
    budget: str
    cordelia: str
    inspect_ai: str
    commit: str
    content_sha256: str


def made(log: EvalLog, location: str) -> Made:
    """What the header of an audit's log says. A header that somebody changed gives empty fields and no error."""
    spec, metadata = log.eval, log.eval.metadata or {}
    target_args = _mapping(metadata.get("target_args"))
    affordances = _texts(metadata.get("affordances"))
    asked = metadata.get("affordance_set") or ",".join(_texts(spec.task_args.get("affordances")) or affordances)
    limits = {name: spec.task_args.get(name) for name in BUDGET}
    limits |= {name: getattr(spec.config, name) for name in LIMITS}
    sweep = metadata.get("sweep")
    solver, arguments = auditor_call(log)
    return Made(
        log=address(location),
        log_id=spec.eval_id,
        task_id=spec.task_id,
        run_id=spec.run_id,
        created=begun(log),
        sweep=None if sweep is None else str(sweep),
        planned=(spec.dataset.samples or 0) * (spec.config.epochs or 1),
        testbed=str(metadata.get("testbed", "")),
        testbed_version=str(metadata.get("testbed_version", "")),
        solver=solver,
        auditor_model=spec.model,
        auditor_args=_json(arguments),
        affordances=affordances,
        tools=_texts(metadata.get("tools")),
        affordance_set=str(asked),
        backend=str(target_args.get("backend", "")),
        base=str(target_args.get("base") or ""),
        grader=_grader_bound(log),
        threshold=_whole(spec.task_args.get("threshold"), THRESHOLD),
        budget=_json(limits),
        cordelia=str(metadata.get("cordelia", "")),
        inspect_ai=str(spec.packages.get("inspect_ai", "")),
        commit=spec.revision.commit if spec.revision else "",
        content_sha256=digest(metadata.get("content_sha256")),
    )


def auditor_call(log: EvalLog) -> tuple[str, Mapping[str, object]]:
    """The auditor as it was called, defaults included: the last step of the plan.

    `eval.solver` names only what `--solver` named, so a task with an auditor of its own (a sweep's) has none there.
    """
    if log.plan.steps:
        last = log.plan.steps[-1]
        return last.solver, last.params
    return log.eval.solver or "", log.eval.solver_args or {}


def address(location: str) -> str:
    """A place of logs by one name: an absolute path of what is on this machine, else the address as it is."""
    local = location.removeprefix("file://")
    return local if "://" in local else str(Path(local).absolute())


def begun(log: EvalLog) -> datetime:
    """When the eval began."""
    return datetime.fromisoformat(log.eval.created).astimezone(UTC)


def grader_of(sample: Sampled) -> str | None:
    """Who graded a sample: `offline` or the models' names; None when nothing in it needed a grader."""
    score = newest_of(sample.scores or {}, "verdict")
    return told_grader(score) if score is not None else None


def told_grader(score: Score) -> str | None:
    """Who graded, as a verdict's metadata says."""
    metadata = score.metadata or {}
    kind = metadata.get("grader")
    if kind in {None, "none"}:
        return None
    return ", ".join(_texts(metadata.get("grader_models"))) or str(kind)


def threshold_of(sample: Sampled, otherwise: int) -> int:
    """The grade from which a hypothesis was a hit."""
    score = newest_of(sample.scores or {}, "verdict")
    return _whole((score.metadata or {}).get("threshold"), otherwise) if score is not None else otherwise


def digest(content: object) -> str:
    """A short hash of what stands in a log's metadata; empty of nothing."""
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16] if content else ""


def _grader_bound(log: EvalLog) -> str:
    """Who would have graded: the models bound to the role, unless the offline rubric was asked for."""
    asked = {
        str((scorer.options or {}).get("grader", "auto"))
        for scorer in log.eval.scorers or []
        if scorer.name.rpartition("/")[2] == "verdict"
    }
    bound = (log.eval.model_roles or {}).get("grader")
    if bound is None or asked == {OFFLINE}:
        return OFFLINE
    models = bound if isinstance(bound, list) else [bound]
    return ", ".join(model.model for model in models)


def _json(values: Mapping[str, object]) -> str:
    said = {key: value for key, value in values.items() if value is not None}
    return json.dumps(said, sort_keys=True, ensure_ascii=False, default=str)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [str(part) for part in value] if isinstance(value, list | tuple) else []


def _whole(value: object, otherwise: int) -> int:
    return int(value) if isinstance(value, int | float) else otherwise
