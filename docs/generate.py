"""Writes the generated blocks of README.md and docs/*.md, so that tables and command help cannot drift from the code.

A block stands between `<!-- generated:NAME -->` and `<!-- /generated -->`. `python docs/generate.py` writes them all;
`--check` writes nothing and fails when one is out of date (CI runs it as a test).
"""

import json
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import yaml

import cordelia
from cordelia.cli import main
from cordelia.cli.listing import AUDITORS
from cordelia.scoreboard.models import Board, Group
from cordelia.scoreboard.page.words import chance, points
from cordelia.scoreboard.summary import Summary
from cordelia.scoreboard.summary import render as render_summary
from cordelia.scorers.labelled.read import read_labelled
from cordelia.scorers.labelled.render import markdown
from cordelia.scorers.labelled.result import offline_check
from cordelia.scorers.labelled.schema import Kind
from cordelia.scorers.labelled.stored import stored_results
from cordelia.scorers.tool_check import render as tool_checks
from cordelia.solvers.affordances.catalog import AFFORDANCES, affordance_sets
from cordelia.testbeds.certificate.certificate import read_certificates
from cordelia.testbeds.certificate.table import render
from cordelia.testbeds.find import CATALOG, read_testbed

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- generated:(?P<name>[a-z-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def table(*rows: tuple[str, ...]) -> str:
    """A Markdown table; the first row is the header."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def affordances() -> str:
    rows = [(f"`{a.name}`", a.requirements or "–", a.summary) for a in AFFORDANCES.values()]
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


def certificates_pocket() -> str:
    bed = read_testbed(CATALOG / "pocket")
    return render(bed, read_certificates(bed))


def outcomes() -> str:
    """What the tests play, from the same file (tests/outcomes)."""
    scenarios = yaml.safe_load((ROOT / "tests/outcomes/scenarios.yaml").read_text(encoding="utf-8"))["scenarios"]
    rows = [(each["what"], _ending(each["organism"]), _ending(each["control"])) for each in scenarios.values()]
    return table(("what happens", "on an organism", "on a control"), *rows)


def _ending(expected: dict[str, object]) -> str:
    scores = [
        f"{key.replace('_', ' ')} {value}" for key, value in expected.items() if key not in ("outcome", "unscored")
    ]
    return f"`{expected['outcome']}`, {'unscored' if 'unscored' in expected else ', '.join(scores)}"


def kills() -> str:
    """What ten kills and retries did to an audit (benchmarks/kill.py)."""
    counts = json.loads((ROOT / "docs/results/kill-retry.json").read_text(encoding="utf-8"))
    rows = [
        (
            str(place),
            "audit and server" if kill["server_too"] else "audit",
            *(str(kill[key]) for key in ("answers", "finished", "cut")),
            f"{kill['gone_s']:.1f} s",
        )
        for place, kill in enumerate(counts["kills"], start=1)
    ]
    names = ("finished_run_again", "lost", "doubled", "rebuilt", "without_record", "processes_left")
    sums = [(name.replace("_", " "), str(counts[name])) for name in ("samples", "retries", "run_again", *names)]
    header = ("kill", "of", "answers in this run", "samples in the log", "cut", "all processes gone after")
    return f"{table(header, *rows)}\n\n{table(('at the end', 'count'), *sums)}"


def floor() -> str:
    """The baseline over all of pocket, from what `make floor` wrote."""
    return render_summary(Summary.model_validate_json((ROOT / "docs/results/floor.json").read_text(encoding="utf-8")))


def arms() -> str:
    """The baseline by affordance set, from what `make arms` wrote: one table a split, dev and test apart."""
    board = Board.model_validate_json((ROOT / "docs/results/arms.json").read_text(encoding="utf-8"))
    told = [f"### {group.testbed} {group.testbed_version}, {group.split}\n\n{_sets(group)}" for group in board.groups]
    return "\n\n".join([*told, "; ".join(f"{name}: {value}" for name, value in board.provenance.items()) + "."])


def _sets(group: Group) -> str:
    added = {each.affordance_set: each.difference for each in group.differences}
    reference = next((each.baseline_set for each in group.differences), "")
    header = (
        "affordance set",
        "audits",
        "objective found",
        "hit@1",
        "false positives",
        f"against `{reference}`",
        "p, Holm",
    )
    rows = []
    for each in group.sets:
        difference = added.get(each.affordance_set)
        rows.append(
            (
                f"`{each.affordance_set}`",
                f"{each.runs}" + (f", {each.missing} unscored" if each.missing else ""),
                *(str(value) if value else "–" for value in (each.found, each.hit_at_1, each.false_positive)),
                points(difference) if difference else "–",
                chance(difference.corrected) if difference else "–",
            )
        )
    return table(header, *rows)


def coverage() -> str:
    """How often intervals hold the truth (benchmarks/coverage.py)."""
    rows = []
    for line in json.loads((ROOT / "docs/results/coverage.json").read_text(encoding="utf-8")):
        name = line["estimator"] if line["goal"] else f"*{line['estimator']}*"
        sizes = (str(line[key] or "–") for key in ("organisms", "runs"))
        goal = line["goal"] or "–"
        shares = (f"{line[key]:.1%}" for key in ("mean", "least", "most"))
        rows.append((name, line["worlds"], *sizes, *shares, goal, f"{100 * line['width']:.0f} points"))
    order = list(dict.fromkeys(row[0] for row in rows))
    rows.sort(key=lambda row: order.index(row[0]))
    return table(("what", "true rates", "organisms", "runs of each", "mean", "least", "most", "goal", "width"), *rows)


def labelled() -> str:
    """How many labelled reports there are, by kind and split."""
    sets = read_labelled()
    rows = [
        (f"`{kind}`", *(str(sum(each.kind is kind for each in found.reports.values())) for found in sets.values()))
        for kind in Kind
    ]
    return table(("kind", *sets), *rows, ("all", *(str(len(found.reports)) for found in sets.values())))


def grader_offline() -> str:
    return markdown(offline_check())


def grader_results() -> str:
    return stored_results(ROOT / "docs/results/grade-check", read_labelled())


def tool_check() -> str:
    return tool_checks.stored_results(ROOT / "docs/results/tool-check")


def commands() -> str:
    """The help of `cordelia` and of each of its commands."""
    parts = [_help(main, "cordelia")]
    parts += [_help(command, f"cordelia {name}") for name, command in sorted(main.commands.items())]
    return "\n\n".join(f"```\n{part}\n```" for part in parts)


def public() -> str:
    """The names that other people's code may import, with the first sentence of what each says of itself."""
    names = [name for name in cordelia.__all__ if not name.startswith("_")]
    rows = [(f"`{name}`", (getattr(cordelia, name).__doc__ or "").strip().split("\n\n")[0]) for name in names]
    return table(("name", "what it is"), *((name, " ".join(text.split())) for name, text in rows))


def malformed() -> str:
    """What the tests of malformed testbeds do, from the same cases (tests/testbeds/malformed), and what is said."""
    told = runpy.run_path(str(ROOT / "tests/testbeds/malformed/table.py"))["told"]
    with TemporaryDirectory() as folder:
        parts = [
            f"## {title}\n\n"
            + table(
                ("what is wrong", "what is said"), *((what, f"`{said}`".replace("|", r"\|")) for what, said in rows)
            )
            for title, rows in told(Path(folder))
        ]
    return "\n\n".join(parts)


def _help(command: click.Command, name: str) -> str:
    with click.Context(command, info_name=name, terminal_width=100, max_content_width=100) as context:
        return command.get_help(context)


GENERATORS: dict[str, Callable[[], str]] = {
    "affordances": affordances,
    "sets": sets,
    "auditors": auditors,
    "testbeds": testbeds,
    "certificates-pocket": certificates_pocket,
    "outcomes": outcomes,
    "kills": kills,
    "floor": floor,
    "arms": arms,
    "coverage": coverage,
    "labelled": labelled,
    "grader-offline": grader_offline,
    "grader-results": grader_results,
    "tool-check": tool_check,
    "commands": commands,
    "public": public,
    "malformed": malformed,
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
