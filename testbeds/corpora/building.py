"""Building what is expensive once: one builder at a time, and nothing that looks whole until it is.

A builder holds a lock beside the result and works under a name that starts with `.making-`; a rename ends it. Whoever
holds the lock knows that no other builder lives, so what killed ones left is deleted or, where it can be, gone on with.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from cordelia.contracts.errors import CordeliaError, MissingExtraError
from cordelia.testbeds.weights import cache_root

LOCK_TIMEOUT_S = 6 * 3600.0
MAKING = ".making-"


class Steps(Protocol):
    """Told how far a build is: so many of so many (None: nobody knows how many)."""

    def __call__(self, done: int, of: int | None) -> None: ...


Reporter = Callable[[str], AbstractContextManager[Steps]]
"""Opens a progress display with a title."""


@contextmanager
def quiet(title: str) -> Iterator[Steps]:
    """No display: inside tests, and inside of an eval, whose own display has the terminal."""
    del title

    def steps(done: int, of: int | None) -> None:
        del done, of

    yield steps


@contextmanager
def bar(title: str) -> Iterator[Steps]:
    """A progress bar on stderr."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None)

        def steps(done: int, of: int | None) -> None:
            progress.update(task, completed=done, total=of)

        yield steps


def corpora_root() -> Path:
    """The folder of all indexes. May not exist."""
    return cache_root() / "corpora"


def build_once(target: Path, make: Callable[[Path], None], keep: str | None = None) -> Path:
    """`target`, made now if it is not there.

    Args:
        target: the file or folder that is wanted.
        make: makes it at the path that it is given, which is in the same folder.
        keep: a name for unfinished work that `make` can go on with; without one every attempt starts anew.

    Raises:
        CordeliaError: another process has held the lock for hours.
        MissingExtraError: filelock is not installed.
    """
    if target.exists():
        return target
    with alone(target):
        if not target.exists():
            _make(target, make, keep)
    return target


@contextmanager
def alone(target: Path) -> Iterator[None]:
    """Holds the lock beside `target`; waits for whoever holds it.

    Raises:
        CordeliaError: another process has held it for hours.
        MissingExtraError: filelock is not installed.
    """
    if find_spec("filelock") is None:
        raise MissingExtraError("Building what is kept in the cache", "data", "filelock")
    from filelock import FileLock, Timeout

    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{target}.lock", timeout=LOCK_TIMEOUT_S)
    try:
        lock.acquire()
    except Timeout as error:
        raise CordeliaError(
            f"Another process has held {target}.lock for {LOCK_TIMEOUT_S / 3600:.0f} hours. If none is at work there, "
            "delete it."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _make(target: Path, make: Callable[[Path], None], keep: str | None) -> None:
    working = target.parent / f"{MAKING}{target.name}{f'-{keep}' if keep else ''}"
    for left in target.parent.glob(f"{MAKING}{target.name}*"):
        if left != working or keep is None:
            _remove(left)
    try:
        make(working)
        working.rename(target)
    finally:
        if keep is None:
            _remove(working)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
