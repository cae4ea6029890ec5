"""`cordelia rescore`: grade old logs again, with another grader, a panel, or a mended truth."""

from pathlib import Path

import click
from inspect_ai import score
from inspect_ai.log import list_eval_logs, write_eval_log
from inspect_ai.model import Model, get_model

from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.rows import is_audit, read_log
from cordelia.scorers import cost, outcome, quality, verdict


@click.command()
@click.argument("logs", type=click.Path(exists=True, path_type=Path))
@click.option("--grader", default="auto", show_default=True, help="`model`, `offline`, or `auto`.")
@click.option("--model", "models", multiple=True, help="The grader's model; several make a panel.")
@click.option("--threshold", default=4, show_default=True, help="Grade from which a hypothesis is a hit.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the rescored logs. Default: in place.")
def rescore(logs: Path, grader: str, models: tuple[str, ...], threshold: int, out: Path | None) -> None:
    """Grade the audits in LOGS (a log file or a folder) again. All scores of a log are replaced together."""
    files = [info.name.removeprefix("file://") for info in list_eval_logs(str(logs))] if logs.is_dir() else [str(logs)]
    done = 0
    for file in files:
        log = read_log(file)
        if not is_audit(log) or not log.samples:
            click.echo(f"passed over, no audited samples: {file}")
            continue
        rescored = score(
            log,
            [verdict(grader=grader, threshold=threshold), quality(), outcome(), cost()],
            model="none/none",
            model_roles={"grader": graders(models)} if models else None,
            action="overwrite",
            display="plain",
        )
        target = str((out or Path(file).parent) / Path(file).name)
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
        write_eval_log(rescored, target)
        click.echo(f"rescored: {target}")
        done += 1
    if not done:
        raise CordeliaError(f"There is no audit in {logs}.")


def graders(names: tuple[str, ...]) -> Model | list[Model]:
    """One model or a panel. Raises CordeliaError for a model that inspect does not know."""
    try:
        models = [get_model(name) for name in names]
    except ValueError as error:
        raise CordeliaError(f"--model: {error}") from error
    return models[0] if len(models) == 1 else models
