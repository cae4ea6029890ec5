"""`cordelia submission`: audits as a signed-off folder that others can put into a common leaderboard."""

import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import distributions, version
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cordelia.cli.extras import need_scoreboard
from cordelia.contracts.errors import CordeliaError

if TYPE_CHECKING:  # polars is not loaded for `cordelia --help`
    from cordelia.scoreboard.submission.schema import Signed


@click.command("submission")
@click.argument("logs", nargs=-1, required=True)
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="The folder to write.")
@click.option("--name", required=True, help="Who answers for it: a person or a group.")
@click.option("--contact", required=True, help="Where to ask: an address, a page.")
@click.option("--statement", default="", help="What you say of how it was made.")
@click.option("--split", type=click.Choice(["dev", "test"]), help="Only the audits of one split.")
def submission(logs: tuple[str, ...], out: Path, name: str, contact: str, statement: str, split: str | None) -> None:
    """Make a submission of the audits in LOGS (log files and folders): figures, where they come from, hashes.

    It holds no transcript and nothing that tells what an organism hides. What auditors were given is searched for the
    truths of test organisms, and what was found is in it. Ends with code 1 when a leaderboard would refuse it.
    """
    need_scoreboard("cordelia submission")
    from cordelia.cli.gathering import gather
    from cordelia.scoreboard.reading import read_frame
    from cordelia.scoreboard.submission.folder import write_submission
    from cordelia.scoreboard.submission.public import ShortNames, public
    from cordelia.scoreboard.submission.refusals import refusals

    reading = read_frame(logs)
    for skipped in reading.damaged:
        click.echo(f"left out: {skipped.file}: {skipped.why}", err=True)
    if not reading.audits.height:
        raise CordeliaError(f"There is no audit in {', '.join(logs)}.")
    names = ShortNames()
    gathered = gather(reading.audits, names, lambda file: click.echo(f"searched: {file}", err=True))
    audits = public(reading.audits, gathered.telling, names)
    audits = audits if split is None else audits.filter(audits["split"] == split)
    if not audits.height:
        raise CordeliaError(f"There is no audit of {split} in {', '.join(logs)}.")
    made = write_submission(
        out,
        audits,
        gathered.provenance(platform.python_version()),
        _signed(name, contact, statement),
        packages={each.name: each.version for each in distributions() if each.name},
        date=datetime.now(UTC).date().isoformat(),
        cordelia=version("cordelia"),
    )
    for claim in made.manifest.claims:
        counts = f"{len(claim.organisms)} organisms and {len(claim.controls)} controls"
        click.echo(f"{claim.testbed} {claim.testbed_version} {claim.split}: {claim.audits} audits of {counts}")
    click.echo(f"Submission: {out}")
    reasons = refusals(made)
    for reason in reasons:
        click.echo(f"a leaderboard will refuse it: {reason}", err=True)
    if reasons:
        sys.exit(1)


def _signed(name: str, contact: str, statement: str) -> "Signed":
    """Who signs. Raises CordeliaError for an empty name or contact."""
    from pydantic import ValidationError

    from cordelia.scoreboard.submission.schema import Signed

    try:
        return Signed(name=name, contact=contact, statement=statement)
    except ValidationError as error:
        raise CordeliaError(f"--{error.errors()[0]['loc'][0]}: {error.errors()[0]['msg']}") from error
