"""From an auditor's `solver` and `args` to an inspect solver, by the names that `--solver` takes."""

import re
import sys
from collections.abc import Callable, Mapping
from inspect import get_annotations
from pathlib import Path

from inspect_ai.agent import as_solver, is_agent
from inspect_ai.solver import Solver
from inspect_ai.solver import solver as registered
from inspect_ai.util import registry_create
from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from cordelia.contracts.errors import ContentError, CordeliaError, quoted
from cordelia.solvers.plugins import module_of
from cordelia.sweeps.schema import Auditor, Sweep

ANY_TYPE = ConfigDict(arbitrary_types_allowed=True)
_UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")
"""How Python says that a function has no such argument."""


def check_auditors(sweep: Sweep, file: Path) -> None:
    """Make every auditor of a sweep once, so that a wrong argument is told with the plan, and not by every audit.

    Raises:
        ContentError: the first auditor that cannot be made, or gets an argument of another type than its signature
            says; with the key of the sweep file that is wrong.
    """
    for number, auditor in enumerate(sweep.auditors):
        if auditor.solver is None:
            continue
        at = f"auditors.{number}"
        try:
            made = _made(auditor.solver, auditor)
        except TypeError as error:
            unknown = _UNEXPECTED.search(str(error))
            key, said = (f"{at}.args.{unknown[1]}", "has no such argument") if unknown else (f"{at}.args", str(error))
            raise ContentError(file, f"the solver {quoted(auditor.solver)}: {said}", key) from error
        except LookupError as error:
            raise ContentError(file, f"there is no solver or agent {quoted(auditor.solver)}", f"{at}.solver") from error
        except Exception as error:  # it is somebody else's code
            raise ContentError(file, str(error), f"{at}.{'args' if auditor.args else 'solver'}") from error
        for name, problem in _unfit(_factory_of(made), auditor.args):
            raise ContentError(
                file, f"the solver {quoted(auditor.solver)} cannot take it: {problem}", f"{at}.args.{name}"
            )


def solver_of(auditor: Auditor, called: str) -> Solver | None:
    """The auditor's solver, or None for the default of the audit.

    Args:
        auditor: one of a sweep.
        called: how the log is to name a solver in a file. By its function alone, inspect's eval set would take two
            files' solvers for one.

    Raises:
        CordeliaError: there is no such solver or agent, or it cannot be made with these arguments.
    """
    if auditor.solver is None:
        return None
    try:
        made = _made(auditor.solver, auditor, called)
    except CordeliaError:
        raise
    except Exception as error:  # it is somebody else's code
        raise CordeliaError(
            f"The auditor '{auditor.name}' cannot be made: {type(error).__name__}: {error}. Its solver is "
            f"'{auditor.solver}' with the arguments {', '.join(auditor.args) or 'none'}."
        ) from error
    return as_solver(made) if is_agent(made) else made  # type: ignore[return-value]


def _made(spec: str, auditor: Auditor, called: str = "") -> object:
    if "@" in spec:
        path, _, name = spec.rpartition("@")
        factory = getattr(module_of(Path(path)), name, None)
        if not callable(factory):
            raise CordeliaError(f"{path} has no solver '{name}': a function with inspect's @solver or @agent above it.")
        return (registered(called)(factory) if called else factory)(**auditor.args)
    try:
        return registry_create("solver", spec, **auditor.args)
    except LookupError:
        return registry_create("agent", spec, **auditor.args)


def _factory_of(made: object) -> Callable[..., object] | None:
    """The function within which a solver was made; None where it is no closure of a module's function."""
    name, inner, _ = str(getattr(made, "__qualname__", "")).partition(".<locals>.")
    factory = getattr(sys.modules.get(str(getattr(made, "__module__", ""))), name, None) if inner else None
    return factory if callable(factory) else None


def _unfit(factory: Callable[..., object] | None, arguments: Mapping[str, object]) -> list[tuple[str, str]]:
    """The arguments that are not of the type that the signature says, and why; types that mean nothing here pass."""
    found = []
    for name, kind in (_annotations(factory) if factory is not None else {}).items():
        if name not in arguments:
            continue
        try:
            fits: TypeAdapter[object] = TypeAdapter(kind, config=ANY_TYPE)  # type: ignore[arg-type]  # an annotation
            fits.validate_python(arguments[name])
        except ValidationError as error:
            found.append((name, error.errors()[0]["msg"]))
        except (PydanticUserError, TypeError):  # no type that can be checked, or one that has settings of its own
            continue
    return found


def _annotations(factory: Callable[..., object]) -> Mapping[str, object]:
    while hasattr(factory, "__wrapped__"):
        factory = factory.__wrapped__
    try:
        return get_annotations(factory, eval_str=True)
    except Exception:  # noqa: BLE001 - a name that only a type checker knows
        return {}
