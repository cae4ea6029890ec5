"""Audits of one testbed version that were graded by two truths are two groups, each by its truth's hash.

A testbed whose truth changes gets a new version. Where somebody forgot that, a rate over both truths would be of
nothing at all, so the version is given the truth's beginning: `0.2.0 (truth 1a2b3c4d)`.
"""

import polars as pl

SHOWN = 8
_TRUTH = "truth_sha256"
_VERSION = ["testbed", "testbed_version"]


def by_truth(audits: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, str]]:
    """Audits with versions that no two truths share, and what each version that was given a name was called before.

    Audits that no truth was read for (a broken target, one that was not run) go with the others of their log, of their
    task, or else of the newest truth.
    """
    read = pl.when(pl.col(_TRUTH) != "").then(pl.col(_TRUTH))
    known = [read, *(read.drop_nulls().last().over(of) for of in ("log", "task_id", _VERSION))]
    found = audits.with_columns(pl.coalesce(*known, pl.lit("")).alias("_truth"))
    several = pl.col("_truth").n_unique().over(_VERSION) > 1
    called = pl.format("{} (truth {})", "testbed_version", pl.col("_truth").str.head(SHOWN))
    told = found.with_columns(
        pl.when(several).then(called).otherwise("testbed_version").alias("testbed_version"),
        pl.col("testbed_version").alias("_before"),
    )
    changed = told.filter(pl.col("testbed_version") != pl.col("_before"))
    names = dict(changed.select("testbed_version", "_before").unique().iter_rows())
    return told.drop("_truth", "_before"), names


def note(version: str) -> str:
    """What a reader of such a group must know."""
    return (
        f"Other audits of version {version} were graded by another truth, and are a group of their own. "
        "Rescore them (cordelia rescore) to have them in one."
    )
