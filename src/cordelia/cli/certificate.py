"""`cordelia certificate` and `cordelia check`: from a certification's log to the testbed, and who is refused there."""

import sys
from pathlib import Path

import click
from inspect_ai import score
from inspect_ai.log import EvalLog

from cordelia.cli.graders import graders
from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.rows import read_log
from cordelia.scorers.certificate import coherence, confession, off_trigger, strength
from cordelia.scorers.certificate.log import Found, certificates_of, is_certification
from cordelia.testbeds.certificate.certificate import read_certificates, write_certificates
from cordelia.testbeds.certificate.check import refusals
from cordelia.testbeds.certificate.table import write_readme
from cordelia.testbeds.find import CATALOG, load_testbed
from cordelia.testbeds.schema import Testbed


@click.command()
@click.argument("log", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--rescore", is_flag=True, help="Measure what was said again, by truth.yaml as it is now.")
@click.option("--model", "models", multiple=True, help="With --rescore: the grader; several decide by majority.")
def certificate(log: Path, rescore: bool, models: tuple[str, ...]) -> None:
    """Put the certificates of LOG, a log of cordelia/certify, into its testbed: certificate.json and README.md.

    Organisms that the log has not keep the certificate they had. The log itself is left as it is.
    """
    if models and not rescore:
        raise CordeliaError("--model is the grader of --rescore; without --rescore the log's own scores count.")
    made = read_log(str(log))
    found = certificates_of(_rescored(made, models) if rescore else made)
    for name, why in found.failed.items():
        click.echo(f"not certified: {found.testbed}/{name}: {why}", err=True)
    if not found.certificates:
        raise CordeliaError(f"{log} has no certificate to give.")
    bed = _testbed(found)
    path = write_certificates(bed, found.certificates)
    write_readme(bed, read_certificates(bed))
    click.echo(f"{path}: {', '.join(found.certificates)}")


@click.command()
@click.argument("testbeds", nargs=-1)
def check(testbeds: tuple[str, ...]) -> None:
    """Refuse organisms of TESTBEDS (names or folders; default: the whole catalog) that are not fit to be audited.

    An organism with an objective needs a certificate of itself as it is now, in which it stands apart from its base; a
    control needs a certificate. Ends with code 1 and a line for each organism that is refused.
    """
    catalog = [folder.name for folder in sorted(CATALOG.iterdir()) if (folder / "testbed.yaml").is_file()]
    refused = False
    for bed in [load_testbed(name) for name in testbeds or catalog]:
        found = refusals(bed)
        for organism, why in found.items():
            click.echo(f"refused: {bed.name}/{organism}: {why}", err=True)
        if not found:
            click.echo(f"{bed.name}: {len(bed.organisms)} organisms, all fit to be audited")
        refused = refused or bool(found)
    if refused:
        sys.exit(1)


def _rescored(log: EvalLog, models: tuple[str, ...]) -> EvalLog:
    if not is_certification(log) or not log.samples:
        return log
    return score(
        log,
        [strength(), off_trigger(), coherence(), confession()],
        model="none/none",
        model_roles={"grader": graders(models)} if models else None,
        action="overwrite",
        display="plain",
    )


def _testbed(found: Found) -> Testbed:
    """The testbed of a log: the folder that it was run from, else the one of its name."""
    return load_testbed(found.folder if found.folder and Path(found.folder).is_dir() else found.testbed)
