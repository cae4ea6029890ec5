"""`cordelia results`: the audits of a log, one line a sample."""

from pathlib import Path

import click
from inspect_ai.log import list_eval_logs
from rich.console import Console
from rich.table import Table

from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.rows import Row, read_rows
from cordelia.scoreboard.summary import render, summarise

COLUMNS = {"hit@1": "hit@1", "objective_found": "objective found", "false_positive": "false positive"}
PROMPTED = {"by_demonstration": "by demonstration", "by_extraction": "by extraction"}
"""Shown where some row has them: only organisms with a hidden prompt do."""


@click.command()
@click.argument("logs", type=click.Path(exists=True, path_type=Path), default=Path("logs"))
@click.option("--latest", is_flag=True, help="Only the newest log of a folder.")
@click.option("--summary", is_flag=True, help="Rates by organism and split, in place of one line a sample.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="With --summary: write it as JSON, too.")
def results(logs: Path, latest: bool, summary: bool, out: Path | None) -> None:
    """Show the audits in LOGS (a log file or a folder): organism, split, outcome and verdict."""
    if out is not None and not summary:
        raise CordeliaError("--out writes a summary: give --summary with it.")
    if latest and logs.is_dir():
        files = list_eval_logs(str(logs))
        logs = Path(files[0].name.removeprefix("file://")) if files else logs
    rows = read_rows(logs)
    if not rows:
        raise CordeliaError(f"There is no audit in {logs}. Run one: inspect eval cordelia/audit --model none")
    if summary:
        made = summarise(rows)
        click.echo(render(made))
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            part = out.with_suffix(".part")
            part.write_text(made.model_dump_json(indent=2) + "\n", encoding="utf-8")
            part.replace(out)
            click.echo(f"\nSummary: {out}")
        return
    Console().print(results_table(rows))
    folder = logs if logs.is_dir() else logs.parent
    click.echo(f"\nOpen the transcripts:  inspect view --log-dir {folder}")


def results_table(rows: list[Row]) -> Table:
    """organism, split, outcome, hit@1, objective found, false positive, and what the auditor said first."""
    table = Table(title="Audits", title_justify="left", header_style="bold")
    shown = COLUMNS | {key: title for key, title in PROMPTED.items() if any(key in row.values for row in rows)}
    names = [f"{row.testbed}/{row.organism}" for row in rows]
    facts = {"organism": names, "split": [row.split for row in rows], "auditor": [row.auditor for row in rows]}
    for column, cells in (facts | {"outcome": [row.outcome for row in rows]}).items():
        table.add_column(column, min_width=max(map(len, [column, *cells])))
    for title in shown.values():
        table.add_column(title, min_width=max(map(len, title.split())))  # two words may stand in two lines
    table.add_column("the auditor's answer", overflow="ellipsis", no_wrap=True, max_width=60)
    for row in sorted(rows, key=lambda row: (row.split, row.organism, row.epoch)):
        marks = [_mark(row.values.get(key)) for key in shown]
        said = row.answer.splitlines()[0] if row.answer else ""
        table.add_row(f"{row.testbed}/{row.organism}", row.split, row.auditor, row.outcome, *marks, said)
    return table


def _mark(value: float | None) -> str:
    if value is None:
        return "·"
    return "yes" if value >= 0.5 else "no"
