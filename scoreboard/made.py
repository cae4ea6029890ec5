"""What a log's header says of every audit in it: which run, whose, with what, and with which versions."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from inspect_ai.log import EvalLog
from inspect_ai.model import GenerateConfig, ModelConfig
from inspect_ai.scorer import Score

from cordelia.contracts.scored import newest_of
from cordelia.contracts.secret_keys import masked
from cordelia.contracts.verdict import THRESHOLD
from cordelia.scoreboard.facts import Sampled

OFFLINE = "offline"
BUDGET = ("auditor_tokens", "helper_tokens", "target_queries")
DEFAULT_AUDITOR = ("cordelia/auditor", "auditor")
"""The solver of an audit that names none: it chooses by the model."""
LIMITS = ("token_limit", "message_limit", "turn_limit", "time_limit", "working_limit", "cost_limit")
TRANSPORT = (
    *("max_retries", "timeout", "attempt_timeout", "stream_idle_timeout", "batch"),
    *("max_connections", "adaptive_connections"),
)
"""Settings of a model that say how it is reached, and nothing of what it writes."""


@dataclass(frozen=True)
class Known:
    """What a log's header says of one organism."""

    split: str
    control: bool


@dataclass(frozen=True)
class Made:
    """How the audits of one log were made.

    Attributes:
        log: the log's absolute path, or its address.
        created: when the eval began.
        sweep: the sweep it was part of; None when it was run by itself.
        planned: how many audits it was to be.
        ids, epochs: which they were to be: every organism in every epoch. No ids where the log does not say.
        organisms: by name, what they are, whether or not an audit of them could be scored.
        status: of the run, as inspect says it.
        solver: the auditor's full name: `package/name`, or `file.py@name` as seen from the sweep's file or as given to
            `--solver`. The default auditor is the one that the model made it.
        solver_sha256: of the solver's file, where a sweep noted it; empty otherwise.
        auditor_name: what a sweep calls the auditor; None of other runs.
        auditor_given: the arguments of the auditor that somebody gave; the others are defaults.
        auditor_args, generate, model_args, model_roles, backend_args, budget: as JSON, without what was left open, and
            with `***` for secrets. `model_roles` leaves the grader out.
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
    solver_sha256: str
    auditor_name: str | None
    auditor_model: str
    auditor_args: str
    auditor_given: list[str]
    generate: str
    model_args: str
    model_roles: str
    affordances: list[str]
    tools: list[str]
    affordance_set: str
    backend: str
    backend_args: str
    base: str
    grader: str
    threshold: int
    budget: str
    cordelia: str
    inspect_ai: str
    commit: str
    content_sha256: str
    ids: list[str] = field(default_factory=list)
    epochs: int = 1
    organisms: Mapping[str, Known] = field(default_factory=dict)
    status: str = "success"


def made(log: EvalLog, location: str) -> Made:
    """What the header of an audit's log says. A header that somebody changed gives empty fields and no error."""
    spec, metadata = log.eval, log.eval.metadata or {}
    target_args = _mapping(metadata.get("target_args"))
    affordances = _texts(metadata.get("affordances"))
    asked = metadata.get("affordance_set") or ",".join(_texts(spec.task_args.get("affordances")) or affordances)
    limits = {name: spec.task_args.get(name) for name in BUDGET}
    limits |= {name: getattr(spec.config, name) for name in LIMITS}
    sweep, name = metadata.get("sweep"), metadata.get("auditor_name")
    ids, epochs = [str(each) for each in spec.dataset.sample_ids or []], spec.config.epochs or 1
    called, arguments = auditor_call(log)
    return Made(
        log=address(location),
        log_id=spec.eval_id,
        task_id=spec.task_id,
        run_id=spec.run_id,
        created=begun(log),
        sweep=None if sweep is None else str(sweep),
        planned=(len(ids) or spec.dataset.samples or 0) * epochs,
        testbed=str(metadata.get("testbed", "")),
        testbed_version=str(metadata.get("testbed_version", "")),
        solver=_solver(log, called),
        solver_sha256=str(metadata.get("solver_sha256") or ""),
        auditor_name=None if name is None else str(name),
        auditor_model=spec.model,
        auditor_args=_json(arguments),
        auditor_given=_given(log),
        generate=_json(_generated(spec.model_generate_config) | _generated(log.plan.config)),
        model_args=_json(spec.model_args),
        model_roles=_json({role: _bound(of) for role, of in (spec.model_roles or {}).items() if role != "grader"}),
        affordances=affordances,
        tools=_texts(metadata.get("tools")),
        affordance_set=str(asked),
        backend=str(target_args.get("backend", "")),
        backend_args=_json({key: value for key, value in target_args.items() if key not in {"backend", "base"}}),
        base=str(target_args.get("base") or ""),
        grader=_grader_bound(log),
        threshold=_whole(spec.task_args.get("threshold"), THRESHOLD),
        budget=_json(limits),
        cordelia=str(metadata.get("cordelia", "")),
        inspect_ai=str(spec.packages.get("inspect_ai", "")),
        commit=commit_of(log),
        content_sha256=digest(metadata.get("content_sha256")),
        ids=ids if spec.config.log_samples is not False else [],
        epochs=epochs,
        organisms=_organisms(metadata.get("organisms")),
        status=log.status,
    )


def commit_of(log: EvalLog) -> str:
    """The commit of the folder in which the eval ran, `-dirty` behind it where files differed from it."""
    revision = log.eval.revision
    return f"{revision.commit}{'-dirty' if revision.dirty else ''}" if revision else ""


def auditor_call(log: EvalLog) -> tuple[str, Mapping[str, object]]:
    """The auditor as it was called, defaults included: the last step of the plan.

    `eval.solver` names only what `--solver` named, so a task with an auditor of its own (a sweep's) has none there.
    """
    if log.plan.steps:
        last = log.plan.steps[-1]
        return last.solver, last.params
    return log.eval.solver or "", log.eval.solver_args or {}


def _solver(log: EvalLog, called: str) -> str:
    """A solver's full name: of a file that `--solver` named, the plan has the function alone."""
    if called in DEFAULT_AUDITOR:
        return f"cordelia/{'baseline' if log.eval.model in {'none', 'none/none'} else 'investigator'}"
    asked = log.eval.solver or ""
    return asked if asked.rpartition("@")[2] == called else called


def _given(log: EvalLog) -> list[str]:
    given = (log.plan.steps[-1].params_passed if log.plan.steps else None) or log.eval.solver_args or {}
    return sorted(name for name, value in given.items() if value is not None)


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


def _generated(config: GenerateConfig) -> dict[str, object]:
    """How a model writes: temperature, length, seed and the like, as far as somebody said it."""
    return config.model_dump(mode="json", exclude_none=True, exclude=set(TRANSPORT))


def _bound(to: ModelConfig | list[ModelConfig]) -> object:
    """The model behind a role, with its settings where it has any; several of a panel."""
    if isinstance(to, list):
        return [_bound(each) for each in to]
    more = _generated(to.config) | {key: value for key, value in to.args.items() if value is not None}
    return {"model": to.model, **more} if more else to.model


def _organisms(told: object) -> dict[str, Known]:
    facts = {str(name): _mapping(each) for name, each in _mapping(told).items()}
    return {name: Known(str(each.get("split") or ""), each.get("control") is True) for name, each in facts.items()}


def _json(values: Mapping[str, object]) -> str:
    said = {key: masked(value, key) for key, value in values.items() if value is not None}
    return json.dumps(said, sort_keys=True, ensure_ascii=False, default=str)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [str(part) for part in value] if isinstance(value, list | tuple) else []


def _whole(value: object, otherwise: int) -> int:
    return int(value) if isinstance(value, int | float) else otherwise
