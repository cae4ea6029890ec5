"""The transcripts: inspect's own viewer, bundled beside the page with exactly the logs that the page counts.

A bundled viewer reads its logs by HTTP, so it opens from a web server and not from a file; the page says so.
"""

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, unquote, urlparse

from inspect_ai.log import bundle_log_dir

from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.models import SampleLink

FOLDER = "viewer"
_MADE_FROM = re.compile(r',\s*"abs_log_dir":\s*"(?:[^"\\]|\\.)*"')
"""The bundle notes the folder that it was made from, which is nobody's business."""


def names(logs: Iterable[str]) -> dict[str, str]:
    """A file name in the bundle for each log; logs of one name in different folders are numbered."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for log in sorted(set(logs)):
        wanted = unquote(log.rstrip("/").rpartition("/")[2])
        name, number = wanted, 1
        while name in taken:
            number += 1
            stem, dot, kind = wanted.rpartition(".")
            name = f"{stem}-{number}{dot}{kind}"
        taken.add(name)
        found[log] = name
    return found


def address(named: Mapping[str, str], sample: SampleLink) -> str | None:
    """Where the viewer shows a sample, from the page; None when its log is not bundled."""
    if sample.log not in named:
        return None
    log, organism = quote(named[sample.log], safe=""), quote(sample.organism, safe="")
    return f"{FOLDER}/index.html#/logs/{log}/samples/sample/{organism}/{sample.epoch}/"


def bundle(named: Mapping[str, str], folder: Path) -> Path:
    """Write the viewer with its logs into `folder`/viewer, in place of an older one.

    Raises:
        CordeliaError: a log cannot be read any more.
    """
    target = folder / FOLDER
    with TemporaryDirectory(dir=folder, prefix=".logs-") as staged:
        for log, name in named.items():
            try:
                _bring(log, Path(staged) / name)
            except OSError as error:
                raise CordeliaError(f"The log {log} cannot be copied for its transcripts: {error}") from error
        with redirect_stdout(StringIO()):  # it talks
            bundle_log_dir(staged, str(target), overwrite=True)
    index = target / "index.html"
    index.write_text(_MADE_FROM.sub("", index.read_text(encoding="utf-8")), encoding="utf-8")
    return target


def _bring(log: str, place: Path) -> None:
    parsed = urlparse(log)
    if parsed.scheme in {"", "file"}:
        source = Path(unquote(parsed.path) if parsed.scheme else log).resolve()
        try:
            os.link(source, place)
        except OSError:  # another file system
            shutil.copyfile(source, place)
        return
    import fsspec

    with fsspec.open(log, "rb") as read, place.open("wb") as written:
        shutil.copyfileobj(read, written)
