"""What a command needs beyond the plain installation, told before anything is read."""

from importlib.util import find_spec

from cordelia.contracts.errors import MissingExtraError

SCOREBOARD = ("polars", "pyarrow", "scipy", "statsmodels", "matplotlib", "jinja2")


def need_scoreboard(what: str) -> None:
    """Refuse `what` without the packages of the extra `scoreboard`. Raises MissingExtraError."""
    for package in SCOREBOARD:
        if find_spec(package) is None:
            raise MissingExtraError(what, "scoreboard", package)
