"""One process at a time in a folder of logs.

Two eval sets in one folder would both run everything, and one would delete the other's logs. The lock is the kernel's
(`flock`), so it ends with its process, however that ends; the file that carries it stays and says nothing by itself.
A URL, and a file system without such locks, cannot be locked: there the caller goes on, and can only look at the logs.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cordelia.contracts.errors import CordeliaError, printable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".sweep.lock"
MOST_READ = 200


@contextmanager
def alone(folder: str) -> Iterator[None]:
    """Holds the lock of a folder, which is made; without a lock where it cannot be locked.

    Raises:
        CordeliaError: another process holds it.
    """
    held = _locked(folder, make=True)
    try:
        yield
    finally:
        if held is not None:
            os.close(held)


def surely_free(folder: str) -> bool:
    """Whether certainly no process runs a sweep in a folder; False where that cannot be known. Makes nothing.

    Raises:
        CordeliaError: another process does.
    """
    if not _is_url(folder) and fcntl is not None and not (_local(folder) / LOCK).exists():
        return True
    held = _locked(folder, make=False)
    if held is None:
        return False
    os.close(held)
    return True


def _locked(folder: str, make: bool) -> int | None:
    """The open lock file, locked; None where that cannot be had."""
    if _is_url(folder) or fcntl is None:
        return None
    try:
        if make:
            _local(folder).mkdir(parents=True, exist_ok=True)
        held = _opened(_local(folder) / LOCK, make)
    except OSError:  # inspect tells what is wrong with a folder that it cannot write to
        return None
    try:
        fcntl.flock(held, (fcntl.LOCK_EX if make else fcntl.LOCK_SH) | fcntl.LOCK_NB)  # who looks shuts nobody else out
    except (BlockingIOError, PermissionError) as error:  # some network file systems say the second for the first
        whose = os.read(held, MOST_READ).decode(errors="replace")
        os.close(held)
        raise CordeliaError(
            f"Another process{f' ({printable(whose)})' if whose else ''} runs this sweep in {folder}. Wait for it, or "
            "stop it and start the same command again; what is finished is kept."
        ) from error
    except OSError:
        os.close(held)
        return None
    if make:
        with suppress(OSError):  # a full disk; who holds it is only for the message
            os.ftruncate(held, 0)
            os.write(held, f"process {os.getpid()} on {socket.gethostname()}".encode())
    return held


def _opened(path: Path, make: bool) -> int:
    try:
        return os.open(path, os.O_RDWR | (os.O_CREAT if make else 0), 0o666)
    except PermissionError:  # somebody else's; it can be locked all the same
        return os.open(path, os.O_RDONLY)


def _is_url(folder: str) -> bool:
    return "://" in folder.removeprefix("file://")


def _local(folder: str) -> Path:
    return Path(folder.removeprefix("file://"))
