"""Whether somebody provides the models of a sweep: told with the plan, before anything runs."""

from collections.abc import Iterator
from pathlib import Path

from inspect_ai.model import get_model
from inspect_ai.util import registry_create

from cordelia.contracts.errors import ContentError, quoted
from cordelia.sweeps.prices import LOCAL
from cordelia.sweeps.schema import Roles, Sweep

NO_MODEL = ("none", "none/none")


def check_models(sweep: Sweep, file: Path) -> None:
    """Whether every auditor's, grader's and helper's model has a provider. No model is made for it, nor a key needed.

    Raises:
        ContentError: the first name whose provider inspect does not know, with the key of the sweep file.
    """
    for key, model in _models(sweep):
        if model not in NO_MODEL and not _provided(model):
            known = "is not installed" if "/" in model else "is missing"
            raise ContentError(
                file, f"the provider of {quoted(model)} {known}; write <provider>/<model>, such as openai/gpt-4o", key
            )


def _models(sweep: Sweep) -> Iterator[tuple[str, str]]:
    yield from _of_roles("model_roles", sweep.model_roles)
    for number, auditor in enumerate(sweep.auditors):
        yield f"auditors.{number}.model", auditor.model
        yield from _of_roles(f"auditors.{number}.model_roles", auditor.model_roles)


def _of_roles(key: str, roles: Roles) -> Iterator[tuple[str, str]]:
    for role, models in roles.items():
        for model in [models] if isinstance(models, str) else models:
            yield f"{key}.{role}", model


def _provided(model: str) -> bool:
    """Whether a provider of that name is registered.

    inspect finds its own by name, and loads those that run models here, torch and all: these are known. Those of
    packages it finds by their last name alone, and only when it makes a model.
    """
    provider, slash, _ = model.partition("/")
    if not slash or provider in LOCAL:
        return bool(slash)
    try:
        registry_create("modelapi", provider)
    except LookupError:
        return _made(model)
    except Exception:  # noqa: BLE001 - it is there, and wants arguments
        return True
    return True


def _made(model: str) -> bool:
    try:
        get_model(model)
    except ValueError as error:
        return "not recognized" not in str(error)
    except Exception:  # noqa: BLE001 - it is there, and lacks a key or a package
        return True
    return True
