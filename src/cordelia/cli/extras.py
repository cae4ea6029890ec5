"""What the scoreboard's commands share: what they need beyond the plain installation, and which logs gave nothing."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from cordelia.contracts.errors import MissingExtraError

if TYPE_CHECKING:  # polars is not loaded for `cordelia --help`
    from cordelia.scoreboard.reading import Reading

SCOREBOARD = ("polars", "pyarrow", "scipy", "statsmodels", "matplotlib", "jinja2")


def need_scoreboard(what: str) -> None:
    """Refuse `what` without the packages of the extra `scoreboard`. Raises MissingExtraError."""
    for package in SCOREBOARD:
        if find_spec(package) is None:
            raise MissingExtraError(what, "scoreboard", package)


def tell_skipped(reading: "Reading") -> None:
    """Name tasks that were stopped, and what is in no number: logs of other tasks, and damaged ones."""
    for what in ("unfinished", "passed_over", "damaged"):
        for each in getattr(reading, what):
            click.echo(f"{what.replace('_', ' ')}: {each.file}: {each.why}", err=True)
