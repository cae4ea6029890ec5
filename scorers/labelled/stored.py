"""Stored results as a page: every grader that was checked, however poor, and whether its figures are still of today."""

from collections.abc import Mapping
from pathlib import Path

from cordelia.scorers.labelled.read import LabelledSet
from cordelia.scorers.labelled.render import markdown
from cordelia.scorers.labelled.result import GradeCheck, changed, read_result
from cordelia.testbeds.schema import Split

NOTHING = "No result is stored yet."


def stored_results(folder: Path, sets: Mapping[Split, LabelledSet]) -> str:
    """Markdown with a section for each JSON file of the folder, by name. Raises ContentError for a malformed one."""
    parts = [_section(path.stem, read_result(path), sets) for path in sorted(folder.glob("*.json"))]
    return "\n\n".join(parts) or NOTHING


def _section(title: str, result: GradeCheck, sets: Mapping[Split, LabelledSet]) -> str:
    lines = [f"### {title}", _about(result)]
    old = changed(result, sets)
    if old:
        lines.append(f"**Out of date:** since this run, {' and '.join(old)} changed.")
    return "\n\n".join([*lines, markdown(result)])


def _about(result: GradeCheck) -> str:
    """Who graded, when, with what, on how many of the reports."""
    grader = result.grader
    names = ", ".join(f"`{name}`" for name in grader.models) or f"`{grader.name}`"
    read = ", ".join(
        f"{split} {figures.reports} of {result.measured_on[split].of}" for split, figures in result.figures.items()
    )
    facts = [f"{grader.kind}: {names}", *([f"run on {result.date}"] if result.date else [])]
    facts += [f"{name} {version}" for name, version in result.versions.items()]
    if grader.prompts_sha256:
        facts.append(f"prompts `{grader.prompts_sha256[:12]}`")
    return f"{'; '.join(facts)}. Reports: {read}."
