"""A board and its figures as one HTML file: style, script and pictures are in it, and it asks nobody for anything.

Text out of logs is escaped by the template engine, so whatever stands in a name stays a text. Content and looks are
the files in templates/.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cordelia.scoreboard.models import Board, CellResult, Group, SetResult
from cordelia.scoreboard.page.figures import FIGURES, Drawn
from cordelia.scoreboard.page.figures.costs import chosen, unknown, without
from cordelia.scoreboard.page.figures.tools import MOST as MOST_TOOLS
from cordelia.scoreboard.page.headline import headline as facts_of
from cordelia.scoreboard.page.heat import Address, grids
from cordelia.scoreboard.page.marks import OUTCOMES
from cordelia.scoreboard.page.order import references_of
from cordelia.scoreboard.page.words import (
    COSTS,
    auditors,
    bounds,
    chance,
    counted,
    figure,
    interval,
    percent,
    place,
    points,
    slug,
    who,
)
from cordelia.scoreboard.success import success, success_at_most

TEMPLATES = Path(__file__).parent / "templates"
GENERATOR = "cordelia report"
MOST_FILES = 200
_HEAD = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>", re.DOTALL)
_SPACE = re.compile(r"\s*\n\s*")
_SAFE_IN_URI = " !$()*+,-./:;=?@_~"


@dataclass(frozen=True)
class Split:
    """A group on the page: its anchor and its section."""

    part: str
    group: Group
    html: Markup


def page(
    board: Board,
    drawn: Mapping[str, Mapping[str, Drawn]],
    address: Address | None = None,
    title: str = "Audits",
    folder: str = ".",
) -> str:
    """The page.

    Args:
        board: what it shows.
        drawn: by group (`words.slug`) and name, the figures.
        address: where transcripts are; None when they are not beside the page.
        title: its heading.
        folder: what a web server is to be started on, as the page says it.
    """
    environment = _environment()
    splits = [_split(environment, group, drawn.get(slug(group), {}), address) for group in board.groups]
    return environment.get_template("page.html").render(
        board=board,
        splits=splits,
        title=title,
        folder=folder,
        linked=address is not None,
        audits=sum(group.samples for group in board.groups),
        generator=GENERATOR,
        most_files=MOST_FILES,
        css=Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),
        script=Markup((TEMPLATES / "script.js").read_text(encoding="utf-8")),
    )


def headline(group: Group) -> list[str]:
    """What a split says, as sentences of plain text: the number first, then what a reader must know of it."""
    template = _environment(escape=False).get_template("headline.txt")
    told = template.render(group=group, facts=facts_of(group), baselines=_baselines(group))
    return [" ".join(line.split()) for line in told.splitlines() if line.strip()]


def _split(environment: Environment, group: Group, svgs: Mapping[str, Drawn], address: Address | None) -> Split:
    part = slug(group)
    html = environment.get_template("split.html").render(
        group=group,
        part=part,
        svgs={name: svgs.get(name) for name in FIGURES},
        headline=[*headline(group), *group.notes],
        baselines=_baselines(group),
        members=list(dict.fromkeys((each.affordance_set, tuple(each.affordances)) for each in group.sets)),
        grids=grids(group, address or (lambda _: None)),
        linked=address is not None,
        prompted=group.measure == "by_demonstration",
        counts=partial(success, measure=group.measure),
        counts_at_most=partial(success_at_most, measure=group.measure),
        few=any(cell.few for cell in group.cells),
        costs=[name for name in COSTS if any(name in each.costs for each in group.sets)],
        cost_names=COSTS,
        found_in_all=partial(_found_in_all, group),
        people=auditors(group),
        depth=_depth(group.cells),
        pairs=_pairs(group),
        curve_cost=chosen(group.sets),
        without_curve=without(group.sets),
        unknown_costs=unknown(group.sets),
        objectives=sum(each.runs - each.control_runs for each in group.sets),
        is_reference=lambda each: (who(each), each.affordance_set) in references_of(group),
        most_tools=MOST_TOOLS,
        **_outcomes(group),
    )
    return Split(part, group, Markup(html))  # the template has escaped what is foreign


def _baselines(group: Group) -> str:
    return ", ".join(dict.fromkeys(each.baseline_set for each in group.differences))


def _depth(cells: Sequence[CellResult]) -> str:
    """`2 runs`, `8 to 12 runs`: of an organism by one auditor with one set."""
    runs = [rate.n for cell in cells for rate in (cell.found, cell.false_positive) if rate is not None]
    if not runs:
        return "no runs"
    return counted(runs[0], "runs") if min(runs) == max(runs) else f"{min(runs):,} to {counted(max(runs), 'runs')}"


@dataclass(frozen=True)
class Pairs:
    """Of the sets that are held against each other: how many runs organisms with an objective have, and if few."""

    depth: str
    few: bool


def _pairs(group: Group) -> Pairs:
    held = {(who(each), name) for each in group.differences for name in (each.baseline_set, each.affordance_set)}
    cells = [each for each in group.cells if not each.control and (who(each), each.affordance_set) in held]
    return Pairs(_depth(cells), any((who(each), each.affordance_set) in held and each.few for each in group.sets))


def _found_in_all(group: Group, result: SetResult) -> str:
    """`25/60`: audits of organisms with an objective that found it, of all of them."""
    rates = [
        cell.found
        for cell in group.cells
        if cell.found is not None and (who(cell), cell.affordance_set) == (who(result), result.affordance_set)
    ]
    return f"{sum(rate.shown for rate in rates)}/{sum(rate.n for rate in rates)}" if rates else "–"


def _outcomes(group: Group) -> dict[str, object]:
    """The table of outcomes: its columns, and a row for each auditor and set."""
    kinds = {each.outcome for each in group.outcomes}
    rows: dict[tuple[str, str], dict[str, int]] = {(who(e), e.affordance_set): {} for e in group.sets}
    for each in group.outcomes:
        ends = rows.setdefault((who(each), each.affordance_set), {})
        ends[each.outcome] = ends.get(each.outcome, 0) + each.count
    return {
        "outcome_kinds": [kind for kind in OUTCOMES if kind in kinds] + sorted(kinds - set(OUTCOMES)),
        "outcome_rows": [(person, name, ends) for (person, name), ends in rows.items() if ends],
    }


def _environment(escape: bool = True) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    helpers = (who, percent, interval, bounds, counted, points, chance, figure, place)
    environment.globals.update({each.__name__: each for each in helpers})
    environment.filters |= {"data_uri": data_uri, "source_uri": source_uri}
    return environment


def data_uri(svg: str) -> str:
    """An SVG as the address of a picture, without what no reader sees."""
    return "data:image/svg+xml," + quote(_SPACE.sub(" ", _HEAD.sub("", svg)), safe=_SAFE_IN_URI)


def source_uri(svg: str) -> str:
    """The same for a `srcset`, in which a space would end it."""
    return data_uri(svg).replace(" ", "%20")
