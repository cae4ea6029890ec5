"""Where logs are: files and folders, on this machine or at an address that inspect can read."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import fsspec
from inspect_ai.log import EvalLogInfo, list_eval_logs

from cordelia.contracts.errors import CordeliaError
from cordelia.scoreboard.made import address

ENDINGS = (".eval", ".json")
HEAD_BYTES = 1_000
LOG_BEGINS = re.compile(rb'\s*\{\s*"version"\s*:\s*\d+\s*,\s*"status"\s*:')
"""How inspect begins a log in JSON."""
TIMES = ("mtime", "LastModified", "last_modified", "created")
"""How file systems call the time of writing."""


@dataclass(frozen=True)
class Source:
    """One log file.

    Attributes:
        address: its absolute path, or its address.
        written: when, in milliseconds since 1970; None where the place does not say.
        size: in bytes.
    """

    address: str
    written: float | None
    size: int

    @property
    def stamp(self) -> str | None:
        """Changes whenever the file does; None where that cannot be known."""
        return None if self.written is None else f"{self.written!r} {self.size}"


def when_written(source: Source) -> float:
    """When a log was written, to sort by: of two that began together, one is a rescored copy, and the newer."""
    return source.written or 0.0


def find_logs(places: Sequence[str | Path]) -> list[Source]:
    """The logs in files and folders, each once, in the order in which they are given and then by name.

    Raises:
        CordeliaError: a place does not exist, or there is nothing at an address.
    """
    found = [source for place in places for source in _at(str(place))]
    return list({source.address: source for source in found}.values())


def _at(place: str) -> list[Source]:
    local = place.removeprefix("file://")
    if "://" in local:
        return _remote(place)
    path = Path(local)
    if path.is_dir():
        listed = [_listed(info) for info in _logs_in(str(path))]
        return [*listed, *_renamed(path, {each.address for each in listed})]
    if not path.is_file():
        raise CordeliaError(f"There is no log and no folder of logs at {place}.")
    return [_local(path)]


def _renamed(folder: Path, listed: set[str]) -> Iterator[Source]:
    """JSON logs, whole or broken, whose names are not inspect's, which lists JSON by its name alone."""
    for path in sorted(folder.rglob("*.json")):
        if address(str(path)) not in listed and path.is_file():
            with path.open("rb") as file:
                if LOG_BEGINS.match(file.read(HEAD_BYTES)):
                    yield _local(path)


def _local(path: Path) -> Source:
    about = path.stat()
    return Source(address(str(path)), about.st_mtime * 1000, about.st_size)


def _remote(place: str) -> list[Source]:
    try:
        found = [_stated(place)] if place.endswith(ENDINGS) else list(map(_listed, _logs_in(place)))
    except FileNotFoundError:
        found = []
    except (ValueError, ImportError, OSError) as error:  # a protocol that nobody knows, or whose package is missing
        raise CordeliaError(f"{place} cannot be read: {error}") from error
    if not found:
        raise CordeliaError(f"There is no log at {place}.")
    return found


def _logs_in(folder: str) -> list[EvalLogInfo]:
    return list_eval_logs(folder, descending=False)


def _stated(file: str) -> Source:
    filesystem, path = fsspec.core.url_to_fs(file)
    about = filesystem.info(path)
    written = next((about[key] for key in TIMES if about.get(key)), None)
    return Source(file, _milliseconds(written), int(about.get("size") or 0))


def _listed(info: EvalLogInfo) -> Source:
    return Source(address(info.name), info.mtime, info.size)


def _milliseconds(value: object) -> float | None:
    if isinstance(value, datetime):
        return value.timestamp() * 1000
    return value * 1000 if isinstance(value, int | float) else None
