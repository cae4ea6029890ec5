"""Writes the generated blocks of README.md and docs/*.md, so that tables and command help cannot drift from the code.

A block stands between `<!-- generated:NAME -->` and `<!-- /generated -->`. `python docs/generate.py` writes them all;
`--check` writes nothing and fails when one is out of date (CI runs it as a test).
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import click

from cordelia.cli import main
from cordelia.cli.listing import AUDITORS
from cordelia.solvers.affordances.catalog import AFFORDANCES, affordance_sets
from cordelia.testbeds.find import CATALOG, read_testbed
from cordelia.testbeds.training.measure import read_results, render_effects

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- generated:(?P<name>[a-z-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def table(*rows: tuple[str, ...]) -> str:
    """A Markdown table; the first row is the header."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def affordances() -> str:
    rows = [(f"`{a.name}`", ", ".join(sorted(a.needs)) or "–", a.summary) for a in AFFORDANCES.values()]
    return table(("affordance", "needs of the target", "what the auditor gets"), *rows)


def sets() -> str:
    rows = [(f"`{name}`", ", ".join(members)) for name, members in affordance_sets().items()]
    return table(("set", "affordances"), *rows)


def auditors() -> str:
    rows = [(f"`cordelia/{name}`", summary, needs) for name, (summary, needs) in AUDITORS.items()]
    return table(("`--solver`", "what it is", "needs"), *rows)


def testbeds() -> str:
    beds = [read_testbed(folder) for folder in sorted(CATALOG.iterdir()) if (folder / "testbed.yaml").is_file()]
    rows = [
        (
            f"`{bed.name}`",
            bed.spec.version,
            str(sum(not o.control for o in bed.organisms.values())),
            str(sum(o.control for o in bed.organisms.values())),
            ", ".join(base.model for base in bed.spec.bases.values()) or "any chat model",
        )
        for bed in beds
    ]
    return table(("testbed", "version", "organisms with an objective", "controls", "base"), *rows)


def effects() -> str:
    return render_effects(read_results(read_testbed(CATALOG / "pocket")))


def commands() -> str:
    """The help of `cordelia` and of each of its commands."""
    parts = [_help(main, "cordelia")]
    parts += [_help(command, f"cordelia {name}") for name, command in sorted(main.commands.items())]
    return "\n\n".join(f"```\n{part}\n```" for part in parts)


def _help(command: click.Command, name: str) -> str:
    with click.Context(command, info_name=name, terminal_width=100, max_content_width=100) as context:
        return command.get_help(context)


GENERATORS: dict[str, Callable[[], str]] = {
    "affordances": affordances,
    "sets": sets,
    "auditors": auditors,
    "testbeds": testbeds,
    "effects": effects,
    "commands": commands,
}


def generated(text: str) -> str:
    """`text` with every block written anew. Raises KeyError for a block that nobody generates."""
    return BLOCK.sub(lambda match: f"{match[1]}{GENERATORS[match['name']]()}\n{match[3]}", text)


def stale() -> list[Path]:
    """Files whose blocks are out of date."""
    return [path for path in files() if generated(path.read_text(encoding="utf-8")) != path.read_text(encoding="utf-8")]


def files() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit("".join(f"{path}: out of date; run `make docs`\n" for path in stale()) or None)
    for path in files():
        path.write_text(generated(path.read_text(encoding="utf-8")), encoding="utf-8")
