"""`cordelia results`: the audits of a log, one line a sample."""

import os
from pathlib import Path

import click
from inspect_ai.log import list_eval_logs
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.audits import AuditLog, read_audits, rows_of_all
from cordelia.scoreboard.kinds import Kind, kinds_of
from cordelia.scoreboard.provenance import provenance
from cordelia.scoreboard.rows import Row
from cordelia.scoreboard.summary import render, summarise

COLUMNS = {"hit@1": "hit@1", "objective_found": "objective found", "false_positive": "false positive"}
NO_MODEL = ("", "none", "none/none")
ANSWER_WIDTH = 24
"""Characters of an answer that must fit into its column."""
SET_WIDTH = 20
"""Characters of an affordance set in its column, where there is room."""
LEAST_SET = 7
"""The same in a narrow terminal; the answers below the table have the rest."""

PROMPTED = {"by_demonstration": "by demonstration", "by_extraction": "by extraction"}
"""Shown where some row has them: only organisms with a hidden prompt do."""


@click.command()
@click.argument("logs", type=click.Path(exists=True, path_type=Path), default=None)
@click.option("--latest", is_flag=True, help="Only the newest log of a folder.")
@click.option("--summary", is_flag=True, help="Rates by organism and split, a table each way of auditing.")
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
        _summarise(audits, rows, out)
        return
    console = Console()
    for shown in results_tables(rows, console.width):
        console.print(shown, overflow="ellipsis", no_wrap=True, highlight=False, markup=False)
    folder = logs if logs.is_dir() else logs.parent
    click.echo(f"\nOpen the transcripts:  inspect view --log-dir {folder}")


def _summarise(audits: list[AuditLog], rows: list[Row], out: Path | None) -> None:
    """Print a summary of each kind of audits; write the one that there is."""
    kinds = kinds_of(rows)
    if len(kinds) > 1 and out is not None:
        raise CordeliaError(
            f"--out writes one summary, and these audits make {len(kinds)}: {'; '.join(map(_called, kinds))}. "
            "Give the logs of one, or write them all: cordelia report LOGS --out FOLDER"
        )
    for kind, held in kinds.items():
        logs = {row.made.log for row in held if row.made is not None}
        of_kind = [each.log for each in audits if len(kinds) == 1 or logs & {_log(row) for row in each.rows}]
        made = summarise(held, provenance(of_kind))
        click.echo(f"{_called(kind)}\n\n{render(made)}\n" if len(kinds) > 1 else render(made))
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            part = out.with_suffix(".part")
            part.write_text(made.model_dump_json(indent=2) + "\n", encoding="utf-8")
            part.replace(out)
            click.echo(f"\nSummary: {out}")


def _called(kind: Kind) -> str:
    """`pocket 0.2.0: investigator, openai/gpt-4o, with blackbox`."""
    model = "" if kind.auditor_model in NO_MODEL else f", {kind.auditor_model},"
    return f"{kind.testbed} {kind.testbed_version}: {kind.auditor}{model} with {kind.affordance_set}"


def _log(row: Row) -> str:
    return "" if row.made is None else row.made.log


def results_tables(rows: list[Row], width: int) -> list[Table | str]:
    """organism, split, outcome, hit@1, objective found, false positive, and what the auditor said first.

    Where the answers do not fit beside the rest in `width` characters, they stand in lines of their own below.
    """
    rows = sorted(rows, key=lambda row: (row.split, row.organism, _set(row), row.epoch))
    table = _table(rows, answers=True)
    if _needs(table).minimum + ANSWER_WIDTH <= width:
        return [table]
    table = _table(rows, answers=False)
    if (needs := _needs(table)).maximum > width:
        table = _table(rows, answers=False, tight=True, set_width=LEAST_SET if needs.minimum > width else SET_WIDTH)
    names = [f"{_name(row)}  {_set(row, SET_WIDTH)}" if _several_sets(rows) else _name(row) for row in rows]
    answers = [f"{name:{max(map(len, names))}}  {_said(row)}" for name, row in zip(names, rows, strict=True)]
    return [table, "\nWhat the auditors said first", *answers]


def _needs(table: Table) -> Measurement:
    """The characters that a table needs, its answers aside, and those that it would fill."""
    console = Console(width=400)
    return Measurement.get(console, console.options, table)


def _table(rows: list[Row], answers: bool, tight: bool = False, set_width: int = SET_WIDTH) -> Table:
    """`tight`: titles of two words stand in two lines; left to itself, rich may cut the table's border off instead."""
    auditors = sorted({row.auditor for row in rows})
    title = "Audits" if len(auditors) > 1 else f"Audits by {auditors[0]}"
    table = Table(title=title, title_justify="left", header_style="bold")
    shown = COLUMNS | {key: title for key, title in PROMPTED.items() if any(key in row.values for row in rows)}
    facts = {
        "organism": [_name(row) for row in rows],
        "split": [row.split for row in rows],
        **({"auditor": [row.auditor for row in rows]} if len(auditors) > 1 else {}),
        **({"set": [_set(row, set_width) for row in rows]} if _several_sets(rows) else {}),
        "outcome": [row.outcome for row in rows],
    }
    for column, cells in facts.items():
        table.add_column(column, min_width=max(map(len, [column, *cells])), no_wrap=True)
    for title in shown.values():
        least = max(map(len, title.split()))  # two words may stand in two lines
        table.add_column(title, min_width=least, width=least if tight else None)
    if answers:
        table.add_column("the auditor's answer", overflow="ellipsis", no_wrap=True, max_width=60)
    for place, row in enumerate(rows):
        marks = [_mark(row.values.get(key)) for key in shown]
        table.add_row(*(cells[place] for cells in facts.values()), *marks, *([_said(row)] if answers else []))
    return table


def _name(row: Row) -> str:
    return f"{row.testbed}/{row.organism}"


def _set(row: Row, width: int | None = None) -> str:
    """The affordance set; of one longer than `width` its beginning and end, since lists mostly differ at the end."""
    name = "" if row.made is None else row.made.affordance_set
    if width is None or len(name) <= width:
        return name
    return f"{name[: width // 2]}…{name[-(width - width // 2 - 1) :]}"


def _several_sets(rows: list[Row]) -> bool:
    return len({row.made.affordance_set for row in rows if row.made is not None}) > 1


def _said(row: Row) -> str:
    return row.answer.splitlines()[0] if row.answer else ""


def _mark(value: float | None) -> str:
    if value is None:
        return "·"
    return "yes" if value >= 0.5 else "no"
