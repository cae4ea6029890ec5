"""`cordelia grade-check`: how well a grader agrees with the labelled reports."""

from pathlib import Path

import click
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from rich.console import Console

from cordelia.cli.graders import asked_grader, graders
from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.verdict import THRESHOLD
from cordelia.scoreboard.rows import read_log
from cordelia.scorers.labelled.log import result_of
from cordelia.scorers.labelled.render import failure_lines, terminal
from cordelia.scorers.labelled.result import write_result
from cordelia.tasks.grade_check import grade_check as grade_check_task
from cordelia.testbeds.schema import Split


@click.command("grade-check")
@click.option("--grader", help="`offline`, or `model` (the default when --model is given).")
@click.option("--model", "models", multiple=True, help="The grader's model; several make a panel.")
@click.option("--split", type=click.Choice([split.value for split in Split]), help="Only one split. Default: both.")
@click.option("--threshold", type=int, default=THRESHOLD, show_default=True, help="Grade that counts as a hit.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N reports; kinds and splits take turns.")
@click.option("--reports", type=click.Path(path_type=Path), help="Folder with a dev.yaml and test.yaml of your own.")
@click.option("--max-connections", type=click.IntRange(min=1), default=10, show_default=True, help="Calls at once.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest answer of the grader. Default: its own.")
@click.option("--log", "log_file", type=click.Path(exists=True, path_type=Path), help="Read this log; grade nothing.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures to this JSON file.")
def grade_check(
    grader: str | None,
    models: tuple[str, ...],
    split: str | None,
    threshold: int,
    limit: int | None,
    reports: Path | None,
    max_connections: int,
    max_tokens: int | None,
    log_file: Path | None,
    out: Path | None,
) -> None:
    """Compare a grader with labelled reports: accuracy, kappa, confusion by kind, injections that moved a grade.

    It is the task cordelia/grade_check, so each grade is in an inspect log; `inspect eval-retry` goes on with one
    that was cut short.
    """
    if log_file is not None:
        if grader or models or split or limit or reports:
            raise CordeliaError("--log reads what a run has found; leave out what says how to run one.")
        log = read_log(str(log_file))
    else:
        kind = asked_grader(grader, models)
        log = _run(kind, models, split, threshold, limit, reports, max_connections, max_tokens)
    result = result_of(log, threshold)
    console = Console()
    console.print(f"Grader: {result.grader.name}", highlight=False, markup=False)
    for table in terminal(result):
        console.print(table)
    for line in failure_lines(result):
        click.echo(line)
    click.echo(f"\nLog: {log.location}")
    if out is not None:
        write_result(result, out)
        click.echo(f"Figures: {out}")


def _run(
    grader: str,
    models: tuple[str, ...],
    split: str | None,
    threshold: int,
    limit: int | None,
    reports: Path | None,
    max_connections: int,
    max_tokens: int | None,
) -> EvalLog:
    task = grade_check_task(
        grader=grader, split=split, threshold=threshold, reports=str(reports) if reports is not None else None
    )
    [log] = inspect_eval(
        task,
        model="none/none",
        model_roles={"grader": graders(models, max_connections, max_tokens)} if models else None,
        limit=limit,
        max_samples=max_connections,
        display="plain",
    )
    return log
