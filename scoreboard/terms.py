"""What must be alike before two sets of audits may stand in one comparison: version, truth, grader, threshold, base.

Auditors, affordance sets, tools, budgets and prompts may differ: they are what is compared.
"""

import polars as pl

Terms = dict[str, list[str]]
"""By column of `TERMS`, the values that some audits have, sorted; one each where the audits belong together."""

TERMS = {
    "truth_sha256": "truth",
    "grader": "grader",
    "threshold": "threshold",
    "base": "base of the targets",
}
"""Columns that must be the same within one testbed, version and split, and what they are called."""

WAY = (
    *("auditor", "auditor_name", "solver", "solver_sha256"),
    *("auditor_model", "auditor_args", "generate", "model_args", "model_roles"),
    *("affordance_set", "affordances", "tools", "budget", "content_sha256"),
)
"""Columns that say who audited and with what."""

WORDS = {"content_sha256": "prompts"}
"""What columns are called where their own name says little."""

GROUP = ("testbed", "testbed_version", "split")


def terms_of(frame: pl.DataFrame) -> Terms:
    """The terms of audits. A base of the testbed's own is the empty text; a truth that was never read is left out."""
    found = {name: sorted({str(value) for value in frame[name].unique() if value is not None}) for name in TERMS}
    return {name: [value for value in values if value or name == "base"] for name, values in found.items()}


def mixed(terms: Terms) -> list[str]:
    """What is not the same within one set of audits, in words; empty when they belong together."""
    return [f"{TERMS[name]} {' and '.join(map(_short, values))}" for name, values in terms.items() if len(values) > 1]


def apart(first: Terms, second: Terms) -> dict[str, tuple[str, str]]:
    """By name of the term, its value in two sets of audits that each have one; only what differs."""
    return {
        TERMS[name]: (_short(first[name][0]), _short(second[name][0]))
        for name in TERMS
        if first[name] and second[name] and first[name] != second[name]
    }


def _short(value: str) -> str:
    """A hash by its first characters; nothing, in words."""
    if not value:
        return "none (the testbed's own)"
    return value[:12] if len(value) == 64 else value
