"""`cordelia results`: the audits of a log, one line a sample."""

import os
from pathlib import Path

import click
from inspect_ai.log import list_eval_logs
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.audits import read_audits, rows_of_all
from cordelia.scoreboard.provenance import provenance
from cordelia.scoreboard.rows import Row
from cordelia.scoreboard.summary import render, summarise

COLUMNS = {"hit@1": "hit@1", "objective_found": "objective found", "false_positive": "false positive"}
ANSWER_WIDTH = 24
"""Characters of an answer that must fit into its column."""

PROMPTED = {"by_demonstration": "by demonstration", "by_extraction": "by extraction"}
"""Shown where some row has them: only organisms with a hidden prompt do."""


@click.command()
@click.argument("logs", type=click.Path(exists=True, path_type=Path), default=None)
@click.option("--latest", is_flag=True, help="Only the newest log of a folder.")
@click.option("--summary", is_flag=True, help="Rates by organism and split, in place of one line a sample.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="With --summary: write it as JSON, too.")
def results(logs: Path | None, latest: bool, summary: bool, out: Path | None) -> None:
    """Show the audits in LOGS (a log file or a folder; inspect's log folder by default)."""
    logs = logs or Path(os.environ.get("INSPECT_LOG_DIR", "logs"))
    if not logs.exists():
        raise CordeliaError(f"There is no folder {logs}. Give the log, or the folder of logs.")
    if out is not None and not summary:
        raise CordeliaError("--out writes a summary: give --summary with it.")
    if latest and logs.is_dir():
        files = list_eval_logs(str(logs))
        logs = Path(files[0].name.removeprefix("file://")) if files else logs
    audits = read_audits(logs)
    rows = rows_of_all(audits)
    if not rows:
        raise CordeliaError(f"There is no audit in {logs}. Run one: inspect eval cordelia/audit --model none")
    if summary:
        made = summarise(rows, provenance([audit.log for audit in audits]))
        click.echo(render(made))
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            part = out.with_suffix(".part")
            part.write_text(made.model_dump_json(indent=2) + "\n", encoding="utf-8")
            part.replace(out)
            click.echo(f"\nSummary: {out}")
        return
    console = Console()
    for shown in results_tables(rows, console.width):
        console.print(shown, overflow="ellipsis", no_wrap=True, highlight=False, markup=False)
    folder = logs if logs.is_dir() else logs.parent
    click.echo(f"\nOpen the transcripts:  inspect view --log-dir {folder}")


def results_tables(rows: list[Row], width: int) -> list[Table | str]:
    """organism, split, outcome, hit@1, objective found, false positive, and what the auditor said first.

    Where the answers do not fit beside the rest in `width` characters, they stand in lines of their own below.
    """
    rows = sorted(rows, key=lambda row: (row.split, row.organism, row.epoch))
    table = _table(rows, answers=True)
    if Measurement.get(Console(width=400), Console(width=400).options, table).minimum + ANSWER_WIDTH <= width:
        return [table]
    width_of_names = max(len(_name(row)) for row in rows)
    answers = [f"{_name(row):{width_of_names}}  {_said(row)}" for row in rows]
    return [_table(rows, answers=False), "\nWhat the auditors said first", *answers]


def _table(rows: list[Row], answers: bool) -> Table:
    auditors = sorted({row.auditor for row in rows})
    title = "Audits" if len(auditors) > 1 else f"Audits by {auditors[0]}"
    table = Table(title=title, title_justify="left", header_style="bold")
    shown = COLUMNS | {key: title for key, title in PROMPTED.items() if any(key in row.values for row in rows)}
    facts = {
        "organism": [_name(row) for row in rows],
        "split": [row.split for row in rows],
        **({"auditor": [row.auditor for row in rows]} if len(auditors) > 1 else {}),
        "outcome": [row.outcome for row in rows],
    }
    for column, cells in facts.items():
        table.add_column(column, min_width=max(map(len, [column, *cells])))
    for title in shown.values():
        table.add_column(title, min_width=max(map(len, title.split())))  # two words may stand in two lines
    if answers:
        table.add_column("the auditor's answer", overflow="ellipsis", no_wrap=True, max_width=60)
    for place, row in enumerate(rows):
        marks = [_mark(row.values.get(key)) for key in shown]
        table.add_row(*(cells[place] for cells in facts.values()), *marks, *([_said(row)] if answers else []))
    return table


def _name(row: Row) -> str:
    return f"{row.testbed}/{row.organism}"


def _said(row: Row) -> str:
    return row.answer.splitlines()[0] if row.answer else ""


def _mark(value: float | None) -> str:
    if value is None:
        return "·"
    return "yes" if value >= 0.5 else "no"
