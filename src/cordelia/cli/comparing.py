"""`cordelia compare`: whether B is better than A, in one sentence with its interval, and as an exit code."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cordelia.cli.extras import need_scoreboard
from cordelia.contracts.errors import CordeliaError

if TYPE_CHECKING:  # polars is not loaded for `cordelia --help`
    import polars as pl

BETTER, NOT_SHOWN, WORSE = 0, 1, 3


@click.command()
@click.argument("a")
@click.argument("b")
@click.option(
    "--metric",
    help="What is compared: any score. Default: objective_found, or by_demonstration where organisms hide a prompt.",
)
@click.option("--split", type=click.Choice(["dev", "test"]), help="Only one split. Default: both, each by itself.")
@click.option("--auditor", help="Only this auditor of both: baseline, or 'baseline arms=battery'.")
@click.option("--auditor-a", help="Only this auditor of A.")
@click.option("--auditor-b", help="Only this auditor of B.")
@click.option("--set-a", help="Only this affordance set of A.")
@click.option("--set-b", help="Only this affordance set of B.")
@click.option("--only-a", multiple=True, metavar="COLUMN=VALUE", help="Only audits of A whose column has the value.")
@click.option("--only-b", multiple=True, metavar="COLUMN=VALUE", help="The same of B.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures to this JSON file.")
def compare(
    a: str,
    b: str,
    metric: str | None,
    split: str | None,
    auditor: str | None,
    auditor_a: str | None,
    auditor_b: str | None,
    set_a: str | None,
    set_b: str | None,
    only_a: tuple[str, ...],
    only_b: tuple[str, ...],
    out: Path | None,
) -> None:
    """Say whether B is better than A (logs, or folders of logs; the same folder twice with --set-a and --set-b).

    Each testbed, version and split stands by itself, and audits are paired by organism. Ends with code 0 when B is
    better in all of them (its 95 % interval lies above no difference, p under 0.05), 3 when it is worse in one (p
    corrected for all of them), 1 when neither is shown, and 2 when A and B cannot be compared: another version, truth,
    grader or threshold, nothing in common.
    """
    need_scoreboard("cordelia compare")
    from cordelia.scoreboard.compare import compare as compared
    from cordelia.scoreboard.compare import ways_of

    shared = {"split": split, "auditor": auditor}
    first = _frame(a, _wanted({**shared, "affordance_set": set_a}, auditor_a, only_a), "A")
    second = _frame(b, _wanted({**shared, "affordance_set": set_b}, auditor_b, only_b), "B")
    result = compared(first, second, metric)
    for side, place, frame in (("A", a, first), ("B", b, second)):
        click.echo(f"{side}: {place} ({frame.height} audits by {'; '.join(ways_of(frame))})", err=True)
    for line in result.left_out:
        click.echo(f"left out: {line}", err=True)
    for each in result.comparisons:
        click.echo(each.sentence)
    if out is not None:
        _write(out, [each.model_dump(mode="json") | {"verdict": each.verdict} for each in result.comparisons])
    verdicts = {each.verdict for each in result.comparisons}
    sys.exit(WORSE if "worse" in verdicts else BETTER if verdicts == {"better"} else NOT_SHOWN)


def _frame(place: str, wanted: dict[str, str], side: str) -> "pl.DataFrame":
    """The wanted audits. Who asks for a grader may mean an earlier grading of audits that were rescored."""
    import polars as pl

    from cordelia.scoreboard.cache import default_cache
    from cordelia.scoreboard.compare import only
    from cordelia.scoreboard.reading import read_frame

    reading = read_frame([place], cache=default_cache())
    if not reading.audits.height:
        raise CordeliaError(f"There is no audit in {place}. Give a log, or a folder of logs.")
    audits = pl.concat([reading.audits, reading.regraded]) if "grader" in wanted else reading.audits
    return only(audits, wanted, side)


def _wanted(filters: dict[str, str | None], auditor: str | None, only: tuple[str, ...]) -> dict[str, str]:
    """The columns to choose by and their values. Raises CordeliaError for what is no COLUMN=VALUE."""
    wanted = {column: value for column, value in filters.items() if value is not None}
    if auditor is not None:
        wanted["auditor"] = auditor
    for pair in only:
        column, sign, value = pair.partition("=")
        if not sign:
            raise CordeliaError(f"'{pair}' chooses nothing; write COLUMN=VALUE, such as auditor_model=openai/gpt-4o.")
        wanted[column.strip()] = value.strip()
    return wanted


def _write(path: Path, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)
