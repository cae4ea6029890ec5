"""Tables of the frame as files: parquet as they are, CSV with lists as JSON text."""

import json
from pathlib import Path

import polars as pl

from cordelia.contracts.errors import CordeliaError

ENDINGS = (".parquet", ".csv")


def check_ending(path: Path) -> None:
    """Refuse a file of a kind that no table is written to. Raises CordeliaError."""
    if path.suffix not in ENDINGS:
        raise CordeliaError(f"A table is written to a file that ends in {' or '.join(ENDINGS)}, not to {path.name}.")


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a table as the file's ending says; the file is there only once it is whole.

    Raises:
        CordeliaError: the ending is of no table, or the file cannot be written.
    """
    check_ending(path)
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".csv":
            _flat(table).write_csv(part)
        else:
            table.write_parquet(part)
        part.replace(path)
    except OSError as error:
        raise CordeliaError(f"{path} cannot be written: {error.strerror or error}") from error


def _flat(table: pl.DataFrame) -> pl.DataFrame:
    """The table with one word or number a cell: lists become JSON, times ISO 8601."""
    nested = [name for name, kind in table.schema.items() if isinstance(kind, pl.List)]
    texts = [
        pl.Series(name, [json.dumps(value, ensure_ascii=False) for value in table[name].to_list()], dtype=pl.String)
        for name in nested
    ]
    times = [name for name, kind in table.schema.items() if isinstance(kind, pl.Datetime)]
    return table.with_columns(texts).with_columns(pl.col(name).dt.to_string("iso:strict") for name in times)
