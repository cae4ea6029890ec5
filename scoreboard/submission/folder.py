"""Writing a submission's folder, all of it or nothing, and reading one that may come from anybody."""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import polars as pl

from cordelia.contracts.content import Content, parse, read_json, read_text
from cordelia.contracts.errors import ContentError, CordeliaError, quoted
from cordelia.scoreboard.submission.public import PUBLIC
from cordelia.scoreboard.submission.schema import (
    FRAME,
    HASHED,
    MANIFEST,
    MAX_JSON_BYTES,
    PACKAGES,
    PROVENANCE,
    SCHEMA,
    Claim,
    Manifest,
    Provenance,
    Signed,
)

_PACKAGE = re.compile(r"[A-Za-z0-9][\w.-]*==\S+")


@dataclass(frozen=True)
class Submission:
    """A submission that was read: its files are whole and of this format; whether it compares is another question."""

    folder: Path
    manifest: Manifest
    provenance: Provenance
    audits: pl.DataFrame


def claims_of(audits: pl.DataFrame) -> list[Claim]:
    """What a frame holds, by testbed, version and split."""
    found = []
    for key, rows in sorted(audits.partition_by("testbed", "testbed_version", "split", as_dict=True).items(), key=str):
        organisms, controls = (
            rows.filter(pl.col("control") == control)["organism"].unique().sort().to_list() for control in (False, True)
        )
        testbed, version, split = map(str, key)
        found.append(
            Claim(
                testbed=testbed,
                testbed_version=version,
                split=split,
                audits=rows.height,
                organisms=organisms,
                controls=controls,
            )
        )
    return found


def write_submission(
    folder: Path,
    audits: pl.DataFrame,
    provenance: Provenance,
    signed: Signed,
    *,
    packages: Mapping[str, str],
    date: str,
    cordelia: str,
) -> Submission:
    """Write a submission and read it back: the whole folder is there at the end, or none.

    Args:
        folder: where; it must not exist, or be empty.
        audits: the public frame (`public`).
        packages: versions by name, of the environment that makes the submission.
        date: YYYY-MM-DD.

    Raises:
        CordeliaError: the folder is taken.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CordeliaError(f"{folder} is there already. Give a folder that does not exist yet.")
    part = folder.with_name(f".{folder.name}.part-{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        audits.write_parquet(part / FRAME)
        _write_json(part / PROVENANCE, provenance)
        lock = sorted(f"{name}=={version}" for name, version in packages.items())
        (part / PACKAGES).write_text("\n".join(lock) + "\n", encoding="utf-8")
        manifest = Manifest(
            schema_version=SCHEMA,
            signed=signed,
            date=date,
            cordelia=cordelia,
            claims=claims_of(audits),
            files={name: _digest(part / name) for name in HASHED},
        )
        _write_json(part / MANIFEST, manifest)
        read_submission(part)
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return read_submission(folder)


def read_submission(folder: Path) -> Submission:
    """A submission's folder. Files that the manifest does not name are ignored.

    Raises:
        CordeliaError, ContentError: it is no submission, of another format, a file is missing or was altered.
    """
    data = read_json(folder / MANIFEST, MAX_JSON_BYTES)
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version != SCHEMA:
        raise ContentError(folder / MANIFEST, f"the format is version {version}; this Cordelia reads {SCHEMA}")
    manifest = parse(Manifest, data, folder / MANIFEST)
    if set(manifest.files) != set(HASHED):
        told = ", ".join(sorted(manifest.files)) or "none"
        raise ContentError(
            folder / MANIFEST, f"must give the hashes of {', '.join(HASHED)}, and gives: {told}", "files"
        )
    for name, digest in manifest.files.items():
        if not (folder / name).is_file():
            raise ContentError(folder / name, "this file is missing")
        if _digest(folder / name) != digest:
            raise ContentError(folder / name, "was altered: its hash is not the one in manifest.json")
    provenance = parse(Provenance, read_json(folder / PROVENANCE, MAX_JSON_BYTES), folder / PROVENANCE)
    _check_packages(folder / PACKAGES)
    return Submission(folder, manifest, provenance, _read_frame(folder / FRAME))


def _check_packages(path: Path) -> None:
    lines = read_text(path, MAX_JSON_BYTES).splitlines()
    odd = next((line for line in lines if not _PACKAGE.fullmatch(line)), None)
    if odd is not None or not lines:
        told = "is empty" if odd is None else f"{quoted(odd)} is no package"
        raise ContentError(path, f"{told}; it holds a line <name>==<version> for each package")


def _read_frame(path: Path) -> pl.DataFrame:
    try:
        audits = pl.read_parquet(path, glob=False, hive_partitioning=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ContentError(path, f"is no parquet file that can be read: {error}") from error
    if dict(audits.schema) != PUBLIC:
        odd = sorted(set(audits.columns) ^ set(PUBLIC)) or [n for n, kind in PUBLIC.items() if audits.schema[n] != kind]
        raise ContentError(path, f"has not the columns of a submission; these differ: {', '.join(odd[:8])}")
    return audits


def _write_json(path: Path, content: Content) -> None:
    path.write_text(content.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        digest = sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
