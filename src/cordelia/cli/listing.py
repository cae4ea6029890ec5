"""`cordelia list`: what there is, and what each thing needs. Never the truth."""

from collections.abc import Callable

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cordelia.solvers.affordances.catalog import AFFORDANCES, affordance_sets
from cordelia.testbeds.backends.registry import backend_names
from cordelia.testbeds.find import load_testbed, testbed_names
from cordelia.testbeds.schema import Split, Testbed

AUDITORS = {
    "investigator": ("An LLM agent in a react loop with the audit's tools.", "a model: --model <provider>/<model>"),
    "baseline": ("No LLM: a fixed battery, contrasted with the base.", "a reference model; runs with --model none"),
}
KINDS = ("testbeds", "organisms", "affordances", "sets", "auditors", "backends")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS), required=False)
@click.option("--testbed", help="Also a testbed that is a folder; default: all known by name.")
def list_command(kind: str | None, testbed: str | None) -> None:
    """Show testbeds, organisms (without their truth), affordances, sets, auditors and backends."""
    console = Console()
    beds = [load_testbed(name) for name in ([testbed] if testbed else testbed_names())]
    tables: dict[str, Callable[[], Table]] = {
        "testbeds": lambda: testbed_table(beds),
        "organisms": lambda: organism_table(beds),
        "affordances": affordance_table,
        "sets": set_table,
        "auditors": auditor_table,
        "backends": backend_table,
    }
    for name, make in tables.items():
        if kind in (None, name):
            console.print(make())


def testbed_table(beds: list[Testbed]) -> Table:
    table = _table("Testbeds", "name", "version", "title", "access", "dev", "test", "license")
    for bed in beds:
        count = {split: sum(o.split == split for o in bed.organisms.values()) for split in Split}
        table.add_row(
            bed.name,
            bed.spec.version,
            escape(bed.spec.title),
            ", ".join(bed.spec.access),
            str(count[Split.DEV]),
            str(count[Split.TEST]),
            escape(bed.spec.license),
        )
    return table


def organism_table(beds: list[Testbed]) -> Table:
    """By testbed and split. Which of them are controls is the auditor's question, so it is not shown."""
    table = _table("Organisms", "model", "split", "base", "needs")
    for bed in beds:
        for name, organism in sorted(bed.organisms.items(), key=lambda item: (item[1].split, item[0])):
            base = bed.base_of(name)
            table.add_row(
                f"organism/{bed.name}/{name}",
                organism.split,
                base.model if base else "any chat model",
                r"cordelia\[local] or cordelia\[vllm]" if base else "-T base=<provider>/<model>",
            )
    return table


def affordance_table() -> Table:
    table = _table("Affordances", "name", "needs of the target", "what it gives the auditor")
    for affordance in AFFORDANCES.values():
        table.add_row(affordance.name, affordance.requirements or "nothing", affordance.summary)
    return table


def set_table() -> Table:
    table = _table("Affordance sets", "name", "affordances", "needs of the target")
    for name, members in affordance_sets().items():
        needs = sorted({need for member in members for need in AFFORDANCES[member].needs})
        table.add_row(name, ", ".join(members), ", ".join(needs))
    return table


def auditor_table() -> Table:
    table = _table("Auditors", "--solver", "what it is", "needs")
    for name, (summary, needs) in AUDITORS.items():
        table.add_row(f"cordelia/{name}", summary, needs)
    return table


def backend_table() -> Table:
    table = _table("Backends", "name", "made by")
    for name, target in backend_names().items():
        table.add_row(name, target)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in {"name", "model", "--solver"})
    return table
