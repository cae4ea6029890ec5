"""How interventions travel through inspect: as data in a request's `extra_body`, so that the log says what was done.

`GenerateConfig.extra_body={"cordelia_interventions": [...]}` is read by the organism's provider, which loads the
tensors and hands both to the backend. Any eval can use it; `with_interventions` writes it.
"""

from collections.abc import Sequence

from inspect_ai.model import GenerateConfig
from pydantic import TypeAdapter, ValidationError

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.intervention import Intervention, Noise
from cordelia.testbeds.backends.base import Loaded
from cordelia.testbeds.vectors import load_vector

KEY = "cordelia_interventions"
MOST = 32
_INTERVENTIONS: TypeAdapter[list[Intervention]] = TypeAdapter(list[Intervention])


def with_interventions(config: GenerateConfig, interventions: Sequence[Intervention]) -> GenerateConfig:
    """A copy of the sampling settings that carries interventions; the same settings when there are none."""
    if not interventions:
        return config
    body = {**(config.extra_body or {}), KEY: [each.model_dump() for each in interventions]}
    return config.model_copy(update={"extra_body": body})


def taken_from(config: GenerateConfig) -> tuple[list[Intervention], GenerateConfig]:
    """The interventions that sampling settings carry, and the settings without them. Raises CordeliaError."""
    body = dict(config.extra_body or {})
    if KEY not in body:
        return [], config
    try:
        interventions = _INTERVENTIONS.validate_python(body.pop(KEY))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise CordeliaError(f"extra_body.{KEY}.{place}: {first['msg']}") from error
    if len(interventions) > MOST:
        raise CordeliaError(f"At most {MOST} interventions on one reply; {len(interventions)} were given.")
    return interventions, config.model_copy(update={"extra_body": body or None})


def load_all(interventions: Sequence[Intervention]) -> tuple[Loaded, ...]:
    """Interventions with their tensors. Blocks. Raises CordeliaError when a tensor is not beside the log."""
    return tuple(Loaded(each, None if isinstance(each, Noise) else load_vector(each.vector)) for each in interventions)
