"""Who is to blame when a backend raises: the target."""

from collections.abc import Iterator
from contextlib import contextmanager

from inspect_ai.util import LimitExceededError

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.backends.base import TargetError


@contextmanager
def blamed(target: str) -> Iterator[None]:
    """Whatever a backend raises, or returns in place of an answer, is the target's failure: nobody else's."""
    try:
        yield
    except (TargetError, CordeliaError, LimitExceededError):
        raise
    except Exception as error:
        raise TargetError(f"the backend of {target} failed: {type(error).__name__}: {error}") from error
