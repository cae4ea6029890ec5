"""Ways of auditing that must not be pooled get names of their own.

A result is of one auditor, model and affordance set. Where the same of these were run with several graders, thresholds,
budgets or bases, or one set with several arguments of the auditor, the auditor's name is given what differs:
`baseline (prompts_per_topic=6)`.
"""

import json
from collections.abc import Sequence

import polars as pl

ALWAYS = {"grader": "graded by ", "threshold": "hit from ", "base": "base ", "budget": ""}
"""Columns that must be the same over all sets of an auditor, and what is put in front of a value."""

WITHIN_A_SET = ("auditor_args",)
"""Columns that may differ between sets (an arm a set), and not within one."""


def told_apart(audits: pl.DataFrame) -> pl.DataFrame:
    """The audits, with `auditor` as the name by which they may be pooled."""
    parts = [_told(part) for part in audits.partition_by("auditor", "auditor_model", maintain_order=True)]
    return pl.concat(parts) if parts else audits


def _told(audits: pl.DataFrame) -> pl.DataFrame:
    """Audits of one auditor and model."""
    varying = [name for name in ALWAYS if audits[name].n_unique() > 1]
    for name in WITHIN_A_SET:
        if any(part[name].n_unique() > 1 for part in audits.partition_by("affordance_set")):
            varying.append(name)
    if not varying:
        return audits
    texts = [_texts(name, audits[name].to_list()) for name in varying]
    labels = [
        f"{auditor} ({', '.join(part for part in parts if part) or 'as it comes'})"
        for auditor, parts in zip(audits["auditor"], zip(*texts, strict=True), strict=True)
    ]
    return audits.with_columns(pl.Series("auditor", labels, dtype=pl.String))


def _texts(name: str, values: Sequence[object]) -> list[str]:
    if name in {"budget", "auditor_args"}:
        return _differing([_mapping(value) for value in values])
    return [f"{ALWAYS[name]}{value if value not in (None, '') else 'none'}" for value in values]


def _mapping(value: object) -> dict[str, str]:
    data: object = json.loads(str(value)) if value else {}
    given = data if isinstance(data, dict) else {}
    return {str(key): ",".join(map(str, of)) if isinstance(of, list) else str(of) for key, of in given.items()}


def _differing(given: Sequence[dict[str, str]]) -> list[str]:
    """What each says of the keys on which they differ: `max_tokens=40, seed=1`."""
    keys = sorted({key for each in given for key in each})
    unlike = [key for key in keys if len({each.get(key) for each in given}) > 1]
    return [", ".join(f"{key}={each[key]}" for key in unlike if key in each) for each in given]
