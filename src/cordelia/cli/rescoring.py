"""`cordelia rescore`: grade old logs again, with another grader, a panel, or a mended truth."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from inspect_ai.log import list_eval_logs

from cordelia.cli.graders import asked_grader, graders
from cordelia.cli.rescored import Regrading, Spoiled
from cordelia.contracts.errors import CordeliaError, printable
from cordelia.scorers.grading.choose import check_threshold

RESCORED, BEFORE, PASSED_OVER, LEFT = "rescored", "done before", "passed over, no audited samples", "left as it was"
MOST_SAID = 300


@click.command()
@click.argument("logs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--grader", help="`offline`, or `model` (the default when --model is given).")
@click.option("--model", "models", multiple=True, help="The grader's model; several make a panel.")
@click.option("--threshold", type=int, help="Grade from which a hypothesis is a hit. Default: the log's own.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the rescored logs; subfolders are kept.")
@click.option("--in-place", is_flag=True, help="Replace the logs themselves.")
@click.option("--again", is_flag=True, help="Also those that this very grader has graded before.")
def rescore(
    logs: tuple[Path, ...],
    grader: str | None,
    models: tuple[str, ...],
    threshold: int | None,
    out: Path | None,
    in_place: bool,
    again: bool,
) -> None:
    """Grade the audits in LOGS (log files and folders) again. All scores of a log are replaced together.

    A log in which the new grader failed where the old one had not is left alone and named, and the others go on; the
    command then ends with code 1. A run that was cut short goes on where it stopped when it is given again: a log
    that the same grader has graded, with the same prompts, truth and threshold, is not graded twice.
    """
    grader = asked_grader(grader, models)
    if (out is None) == (not in_place):
        raise CordeliaError("Say where the rescored logs go: --out FOLDER, or --in-place.")
    if threshold is not None:
        check_threshold(threshold)
    regrading = Regrading(grader, graders(models) if models else None, models, threshold)
    pairs = list(_pairs(logs, out))
    counts = dict.fromkeys((RESCORED, BEFORE, PASSED_OVER, LEFT), 0)
    for place, (file, target) in enumerate(pairs, start=1):
        done, line = _rescored(regrading, file, target, again)
        counts[done] += 1
        click.echo(f"{done}: {line} ({place} of {len(pairs)})", err=done == LEFT)
    if counts[PASSED_OVER] == len(pairs):
        raise CordeliaError(f"There is no audit in {', '.join(map(str, logs))}.")
    if len(pairs) > 1:
        click.echo(", ".join(f"{count} {name}" for name, count in counts.items() if count))
    if counts[LEFT]:
        sys.exit(1)


def _rescored(regrading: Regrading, file: Path, target: Path, again: bool) -> tuple[str, str]:
    """What was done with one log (a key of the counts), and what to say of it."""
    try:
        log = regrading.read(file)
        if log is None:
            return PASSED_OVER, str(file)
        if not again and regrading.was_done(log, file, target):
            return BEFORE, str(target)
        regrading.write(regrading.score(log), target)
    except Spoiled as error:
        return LEFT, f"{file}: {error}"
    except Exception as error:  # noqa: BLE001 - whatever one log's grading runs into, the rest of the pile goes on
        return LEFT, f"{file}: {printable(str(error) or type(error).__name__, MOST_SAID)}"
    return RESCORED, str(target)


def _pairs(logs: Sequence[Path], out: Path | None) -> Iterator[tuple[Path, Path]]:
    """Each log file once, and where its rescored form goes. Raises CordeliaError when two would go to one place."""
    taken: dict[Path, Path] = {}
    for root in logs:
        for file in _files(root):
            if out is not None and out.resolve() != root.resolve() and file.is_relative_to(out.resolve()):
                continue  # what an earlier run put into a folder inside the pile
            name = file.relative_to(root.resolve()) if root.is_dir() else Path(file.name)
            target = file if out is None else out / name
            if out is not None and target.resolve() == file:
                raise CordeliaError(f"--out {out} is where {file.name} lies. Give another folder, or --in-place.")
            if taken.get(target) == file:
                continue
            if target in taken:
                raise CordeliaError(f"{taken[target]} and {file} would both become {target}. Rescore them one by one.")
            taken[target] = file
            yield file, target


def _files(root: Path) -> list[Path]:
    """The log files of a folder, subfolders included, the oldest first; of a file, itself."""
    if not root.is_dir():
        return [root.resolve()]
    found = [Path(info.name.removeprefix("file://")) for info in list_eval_logs(str(root), descending=False)]
    return [file.resolve() for file in found]
