"""The result of tool checks as tables: what each affordance's evidence identifies, and what it matches by chance."""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from rich.table import Table

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.rate import Rate, wilson
from cordelia.scorers.labelled.render import NONE, Grid, markdown_table, terminal_tables
from cordelia.scorers.tool_check.result import Cell, ToolCheckResult, read_result
from cordelia.testbeds.find import load_testbed
from cordelia.testbeds.schema import Split
from cordelia.testbeds.truth import truth_path

NOTHING = "No result is stored yet."
REASON_CHARS = 200


def grids(result: ToolCheckResult) -> list[Grid]:
    """For each split, never for both: the rates by affordance, then every organism."""
    made = []
    for split in Split:
        cells = [cell for cell in result.cells if cell.split is split]
        if cells:
            names = list(dict.fromkeys(cell.affordance for cell in cells))
            made += [_rates(split, names, cells), _organisms(split, names, cells, result.left_out)]
    return made


def terminal(result: ToolCheckResult) -> list[Table]:
    """All tables for a terminal."""
    return terminal_tables(grids(result))


def markdown(result: ToolCheckResult) -> str:
    """All tables as Markdown, and what is missing in them."""
    parts = [f"**{grid.title}**\n\n{markdown_table(grid)}" for grid in grids(result)]
    missing = notes(result)
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in missing)] if missing else parts)


def notes(result: ToolCheckResult) -> list[str]:
    """What was left out, and what was not scored, with the reason, a line each."""
    lines = [f"`{name}` was left out: {_short(why)}" for name, why in result.left_out.items()]
    lines += [
        f"`{cell.organism}/{cell.affordance}` (epoch {cell.epoch}) was not scored: {_short(cell.failure)}"
        for cell in result.cells
        if cell.failure is not None
    ]
    return lines


def stored_results(folder: Path) -> str:
    """Markdown with a section for each JSON file of a folder, by name. Raises ContentError for a malformed one."""
    parts = []
    for path in sorted(folder.glob("*.json")):
        result = read_result(path)
        old = ["**Out of date:** truth.yaml has changed since this run."] if _changed(result) else []
        parts.append("\n\n".join([f"### {path.stem}", _about(result), *old, markdown(result)]))
    return "\n\n".join(parts) or NOTHING


def _rates(split: Split, names: Sequence[str], cells: Sequence[Cell]) -> Grid:
    grid = Grid(
        f"{split}: rates by affordance",
        (
            "affordance",
            "identified",
            "other objectives that match",
            "behaviours named",
            "false positives on controls",
            "evidence, characters",
            "unscored",
        ),
    )
    for name in names:
        mine = [cell for cell in cells if cell.affordance == name]
        scored = [cell for cell in mine if cell.failure is None]
        organisms = [cell for cell in scored if not cell.control]
        chance = [cell for cell in scored if cell.others is not None]
        lengths = sorted(cell.characters for cell in scored)
        grid.rows.append(
            (
                f"`{name}`",
                str(_rate([cell.identified for cell in scored])),
                str(wilson(sum(cell.others or 0 for cell in chance), sum(cell.asked for cell in chance))),
                _of(sum(cell.behaviours for cell in organisms), sum(cell.of_behaviours for cell in organisms)),
                str(_rate([cell.false_positive for cell in scored])),
                f"{lengths[len(lengths) // 2]:,}" if lengths else NONE,
                str(len(mine) - len(scored)),
            )
        )
    return grid


def _organisms(split: Split, names: Sequence[str], cells: Sequence[Cell], left_out: dict[str, str]) -> Grid:
    organisms = sorted({(cell.control, cell.organism) for cell in cells})
    header = ("affordance", *(f"{name}{' (control)' if control else ''}" for control, name in organisms))
    grid = Grid(f"{split}: identified, by organism (+n: other objectives that match as well)", header)
    for affordance in names:
        row = [
            _cell_of([cell for cell in cells if (cell.affordance, cell.organism) == (affordance, organism)])
            for _, organism in organisms
        ]
        grid.rows.append((f"`{affordance}`", *row))
    return grid


def _cell_of(cells: Sequence[Cell]) -> str:
    """All epochs of one affordance on one organism; of a control, whether anything is seen in it."""
    if not cells:
        return "left out"
    scored = [cell for cell in cells if cell.failure is None]
    if not scored:
        return "unscored"
    control = scored[0].control
    rate = _rate([cell.false_positive if control else cell.identified for cell in scored])
    if rate.n == 0:
        return NONE
    once = ("false positive" if control else "yes") if rate.shown else "no"
    said = str(rate) if rate.n > 1 else once
    counted = [cell.others for cell in scored if cell.others is not None]
    return f"{said} (+{sum(counted) / len(counted):g})" if counted and any(counted) else said


def _rate(values: Sequence[bool | None]) -> Rate:
    known = [value for value in values if value is not None]
    return wilson(sum(known), len(known))


def _of(part: int, of: int) -> str:
    return f"{part} of {of}" if of else NONE


def _about(result: ToolCheckResult) -> str:
    """What was checked, when, by whom."""
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    targets = ", ".join(f"{name} {value}" for name, value in result.targets.items())
    epochs = max(cell.epoch for cell in result.cells)
    prompts = f" (prompts {', '.join(f'`{each[:12]}`' for each in result.prompts)})" if result.prompts else ""
    return (
        f"`{result.testbed}` {result.testbed_version}; read by {result.grader}{prompts}; {epochs} "
        f"epoch{'s' if epochs > 1 else ''}; targets: {targets}; run on {result.date}; {versions}."
    )


def _changed(result: ToolCheckResult) -> bool:
    """Whether the testbed's truth is another one now; a testbed that is not here cannot tell."""
    try:
        path = truth_path(load_testbed(result.testbed))
    except CordeliaError:
        return False
    return sha256(path.read_bytes()).hexdigest() != result.truth_sha256


def _short(text: str | None) -> str:
    words = " ".join((text or "").split())
    return f"{words[:REASON_CHARS]}…" if len(words) > REASON_CHARS else words
