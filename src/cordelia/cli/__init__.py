"""The `cordelia` command: what inspect's own command line does not do."""

import sys

import click

from cordelia import __version__
from cordelia.cli.listing import list_command
from cordelia.cli.rescoring import rescore
from cordelia.cli.results import results
from cordelia.cli.training import corpus, fetch, measure, train
from cordelia.contracts.errors import CordeliaError


class Commands(click.Group):
    """A command group that prints what a user can mend as one message, without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except CordeliaError as error:
            click.echo(f"cordelia: {error}", err=True)
            sys.exit(2)


@click.group(cls=Commands)
@click.version_option(__version__, prog_name="cordelia")
def main() -> None:
    """Measure how well an auditor finds out what a model really wants.

    Audits themselves run with inspect: `inspect eval cordelia/audit …`, `inspect view`.
    """


for command in (list_command, results, rescore, fetch, corpus, train, measure):
    main.add_command(command)
