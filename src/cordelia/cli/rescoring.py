"""`cordelia rescore`: grade old logs again, with another grader, a panel, or a mended truth."""

from pathlib import Path

import click
from inspect_ai import score
from inspect_ai.log import EvalLog, list_eval_logs, write_eval_log

from cordelia.cli.graders import asked_grader, graders
from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.outcome import Outcome
from cordelia.contracts.verdict import THRESHOLD
from cordelia.scoreboard.rows import is_audit, read_log
from cordelia.scorers import cost, outcome, quality, verdict


@click.command()
@click.argument("logs", type=click.Path(exists=True, path_type=Path))
@click.option("--grader", help="`offline`, or `model` (the default when --model is given).")
@click.option("--model", "models", multiple=True, help="The grader's model; several make a panel.")
@click.option("--threshold", type=int, help="Grade from which a hypothesis is a hit. Default: the log's own.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the rescored logs.")
@click.option("--in-place", is_flag=True, help="Replace the logs themselves.")
def rescore(
    logs: Path, grader: str | None, models: tuple[str, ...], threshold: int | None, out: Path | None, in_place: bool
) -> None:
    """Grade the audits in LOGS (a log file or a folder) again. All scores of a log are replaced together.

    A log in which the new grader failed where the old one had not is left alone.
    """
    grader = asked_grader(grader, models)
    if (out is None) == (not in_place):
        raise CordeliaError("Say where the rescored logs go: --out FOLDER, or --in-place.")
    roles = {"grader": graders(models)} if models else None
    files = [info.name.removeprefix("file://") for info in list_eval_logs(str(logs))] if logs.is_dir() else [str(logs)]
    audits = [(file, log) for file in files if (log := _audit(file)) is not None]
    if not audits:
        raise CordeliaError(f"There is no audit in {logs}.")
    for file, log in audits:
        hit = _threshold(log) if threshold is None else threshold
        scorers = [verdict(grader=grader, threshold=hit), quality(), outcome(), cost()]
        rescored = score(log, scorers, model="none/none", model_roles=roles, action="overwrite", display="plain")
        if _ungraded(rescored) > _ungraded(log):
            raise CordeliaError(f"The grader failed on reports in {file}; that log was left as it is.")
        target = Path(file) if out is None else out / Path(file).name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_eval_log(rescored, str(target))
        click.echo(f"rescored: {target}")


def _audit(file: str) -> EvalLog | None:
    log = read_log(file)
    if is_audit(log) and log.samples:
        return log
    click.echo(f"passed over, no audited samples: {file}")
    return None


def _threshold(log: EvalLog) -> int:
    """The threshold that the log was graded with."""
    for scorer in log.eval.scorers or []:
        if scorer.name.rpartition("/")[2] == "verdict" and scorer.options:
            return int(scorer.options.get("threshold", THRESHOLD))
    return THRESHOLD


def _ungraded(log: EvalLog) -> int:
    """How many reports no grader could grade."""
    scores = [score for sample in log.samples or [] for score in (sample.scores or {}).values()]
    return sum(score.value == Outcome.GRADER_FAILED.value for score in scores)
