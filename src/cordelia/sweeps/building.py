"""From a cell to the task that inspect runs: `cordelia/audit` with the cell's arguments, auditor and models.

What decides a cell stands in the task's arguments, the solver's arguments and the models, because by these inspect's
eval set pairs a task with its logs. Names stand in the metadata, which it does not look at.
"""

import json
from hashlib import sha256
from typing import cast

from inspect_ai import Task, task_with
from inspect_ai.model import GenerateConfig, Model, get_model

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.names import Names
from cordelia.contracts.verdict import THRESHOLD
from cordelia.solvers.affordances.catalog import choose
from cordelia.sweeps.auditors import solver_of
from cordelia.sweeps.cells import Cell
from cordelia.sweeps.schema import Auditor, Roles, Sweep, content_of
from cordelia.tasks.audit import audit

SWEEP, CELL, CELL_SHA256 = "sweep", "cell", "cell_sha256"
AUDITOR_NAME, AFFORDANCE_SET, SOLVER_SHA256 = "auditor_name", "affordance_set", "solver_sha256"
"""Keys of the metadata that a sweep's logs carry."""


def task_of(sweep: Sweep, cell: Cell) -> Task:
    """The task of a cell.

    Raises:
        CordeliaError: something that the cell names does not exist, or cannot be had on its backend.
    """
    _refuse_missing_roles(sweep, cell)
    task = audit(**task_args(sweep, cell))  # type: ignore[arg-type]
    spec = cell.auditor.solver or ""
    solver = solver_of(cell.auditor, sweep.called(spec))
    task_with(
        task,
        model=_model(cell.auditor),
        model_roles=dict(roles_of(sweep, cell.auditor)),
        metadata={
            **(task.metadata or {}),
            SWEEP: sweep.name,
            CELL: cell.name,
            CELL_SHA256: digest(sweep, cell),
            AUDITOR_NAME: cell.auditor.name,
            AFFORDANCE_SET: cell.affordance_set,
            SOLVER_SHA256: content_of(spec),
        },
    )
    return task if solver is None else task_with(task, solver=solver)


def task_args(sweep: Sweep, cell: Cell) -> dict[str, object]:
    """The arguments of `cordelia/audit`; those that are the default are left out."""
    bed, budget = cell.bed, cell.budget
    asked: dict[str, object] = {
        "testbed": bed.testbed,
        "affordances": cast(Names, list(cell.affordances.affordances)),
        "organisms": None if cell.whole else list(cell.organisms),
        "tools": list(cell.affordances.tools) or None,
        "backend": None if bed.backend == "auto" else bed.backend,
        "base": bed.base,
        "backend_args": dict(bed.backend_args) or None,
        "grader": None if sweep.grader == "auto" else sweep.grader,
        "threshold": None if sweep.threshold == THRESHOLD else sweep.threshold,
        **budget.model_dump(),
    }
    return {name: value for name, value in asked.items() if value is not None}


def roles_of(sweep: Sweep, auditor: Auditor) -> Roles:
    """The auditor's model roles: its own, and the sweep's where it binds none."""
    return {**sweep.model_roles, **auditor.model_roles}


def digest(sweep: Sweep, cell: Cell) -> str:
    """SHA-256 of all that decides what a cell runs: where it differs, a log of the same name is of another cell."""
    auditor = cell.auditor.model_dump(mode="json", exclude={"name", "model_roles"})
    specs = [cell.auditor.solver or "", *cell.affordances.tools]
    files = [(sweep.called(spec), content_of(spec)) for spec in specs]
    arguments = {name: value for name, value in task_args(sweep, cell).items() if name != "tools"}
    told = [auditor | {"solver": None}, files, roles_of(sweep, cell.auditor), arguments, cell.version]
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _model(auditor: Auditor) -> Model:
    config = GenerateConfig.model_validate(auditor.generate)
    return get_model(auditor.model, config=config, **auditor.model_args)  # type: ignore[arg-type]  # the provider's


def _refuse_missing_roles(sweep: Sweep, cell: Cell) -> None:
    roles = roles_of(sweep, cell.auditor)
    needing = [each.name for each in choose(cell.affordances.affordances) if each.helper]
    if needing and "helper" not in roles:
        raise CordeliaError(
            f"{cell.name}: {', '.join(needing)} cannot do without a helper model; write it as model_roles: "
            "{helper: <provider>/<model>}."
        )
    if sweep.grader == "model" and "grader" not in roles:
        raise CordeliaError(
            f"{cell.name}: grader: model needs a grader; write it as model_roles: {{grader: <provider>/<model>}}, "
            "or write grader: offline."
        )
