"""The `cordelia` command: what inspect's own command line does not do."""

import sys

import click
from rich.text import Text

from cordelia import __version__
from cordelia.cli.autoencoder import describe_sae, sae_page, sae_text, train_sae
from cordelia.cli.certificate import certificate, check
from cordelia.cli.comparing import compare
from cordelia.cli.frame import frame
from cordelia.cli.grade_check import grade_check
from cordelia.cli.indexing import index
from cordelia.cli.listing import list_command
from cordelia.cli.new_testbed import new_testbed_command
from cordelia.cli.ranking import leaderboard
from cordelia.cli.report import report
from cordelia.cli.rescoring import rescore
from cordelia.cli.results import results
from cordelia.cli.submitting import submission
from cordelia.cli.sweep import sweep
from cordelia.cli.tool_check import tool_check
from cordelia.cli.training import corpus, fetch, train
from cordelia.contracts.errors import CordeliaError, InspectError


class Commands(click.Group):
    """A command group that prints what a user can mend as one message, without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CordeliaError as error:
            click.echo(f"cordelia: {error}", err=True)
            sys.exit(2)
        except InspectError as error:
            click.echo(f"cordelia: {' '.join(Text.from_markup(str(error.message)).plain.split())}", err=True)
            sys.exit(2)


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="cordelia")
def main() -> None:
    """Measure how well an auditor finds out what a model really wants.

    Audits themselves run with inspect: `inspect eval cordelia/audit …`, `inspect view`.
    """


for command in (
    list_command,
    new_testbed_command,
    sweep,
    results,
    frame,
    report,
    compare,
    submission,
    leaderboard,
    rescore,
    grade_check,
    tool_check,
    certificate,
    check,
    fetch,
    corpus,
    train,
    index,
    sae_text,
    train_sae,
    describe_sae,
    sae_page,
):
    main.add_command(command)
