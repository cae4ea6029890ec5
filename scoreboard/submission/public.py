"""The frame as it is handed in: all figures, and nothing that tells what an organism hides."""

import json
from collections.abc import Collection
from hashlib import sha256
from pathlib import PurePath

import polars as pl

from cordelia.scoreboard.columns import AUDITS

WITHHELD = ("answer", "reason")
"""Free text: the auditor's answer says what an organism hides whenever it is right."""

PUBLIC = {name: kind for name, kind in AUDITS.items() if name not in WITHHELD}
"""Columns of a submitted frame, and their types."""


def public(audits: pl.DataFrame, telling_args: Collection[str] = ()) -> pl.DataFrame:
    """The columns that are handed in: without free text, and without the folders of the machine that ran the audits.

    Args:
        audits: a frame.
        telling_args: values of `auditor_args` that hold words of a truth; only their hash is handed in.
    """
    args = [_hashed(each) if each in telling_args else each for each in audits["auditor_args"]]
    return audits.select(list(PUBLIC)).with_columns(
        pl.Series("log", [_file(each) for each in audits["log"]], dtype=pl.String),
        pl.Series("auditor_args", args, dtype=pl.String),
        pl.Series("tools", [[_file(tool) for tool in each] for each in audits["tools"]], dtype=pl.List(pl.String)),
    )


def _file(place: str) -> str:
    """`tools.py@probe` of `/home/me/tools.py@probe`; names of packages' tools stay whole."""
    return PurePath(place).name if place.startswith(("/", "~", ".")) or "://" in place else place


def _hashed(args: str) -> str:
    return json.dumps({"withheld_sha256": sha256(args.encode()).hexdigest()})
