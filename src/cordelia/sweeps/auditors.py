"""From an auditor's `solver` and `args` to an inspect solver, by the names that `--solver` takes."""

from pathlib import Path

from inspect_ai.agent import as_solver, is_agent
from inspect_ai.solver import Solver
from inspect_ai.util import registry_create

from cordelia.contracts.errors import CordeliaError
from cordelia.solvers.plugins import module_of
from cordelia.sweeps.schema import Auditor


def solver_of(auditor: Auditor) -> Solver | None:
    """The auditor's solver, or None for the default of the audit.

    Raises:
        CordeliaError: there is no such solver or agent, or it cannot be made with these arguments.
    """
    if auditor.solver is None:
        return None
    try:
        made = _made(auditor.solver, auditor)
    except CordeliaError:
        raise
    except Exception as error:  # it is somebody else's code
        raise CordeliaError(
            f"The auditor '{auditor.name}' cannot be made: {type(error).__name__}: {error}. Its solver is "
            f"'{auditor.solver}' with the arguments {', '.join(auditor.args) or 'none'}."
        ) from error
    return as_solver(made) if is_agent(made) else made  # type: ignore[return-value]


def _made(spec: str, auditor: Auditor) -> object:
    if "@" in spec:
        path, _, name = spec.rpartition("@")
        factory = getattr(module_of(Path(path)), name, None)
        if not callable(factory):
            raise CordeliaError(f"{path} has no solver '{name}': a function with inspect's @solver or @agent above it.")
        return factory(**auditor.args)
    try:
        return registry_create("solver", spec, **auditor.args)
    except LookupError:
        return registry_create("agent", spec, **auditor.args)
