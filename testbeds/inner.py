"""The files of a testbed folder, found without leaving it: a link that leads out is refused, and so is a device."""

from pathlib import Path

from cordelia.contracts.content import file_problem, read_text
from cordelia.contracts.errors import ContentError, quoted
from cordelia.testbeds.schema import visible

MOST_PROMPT_BYTES = 100_000


def inner_path(folder: Path, relative: str, source: Path, key: str | None = None) -> Path:
    """The path of something inside of `folder`, whether it is there or not.

    Args:
        folder: the testbed.
        relative: where, by `source`.
        source: the file that says so; errors name it.
        key: its key there; errors name it too.

    Raises:
        ContentError: a link leads out of the folder, or in a circle.
    """
    path = folder / relative
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError) as error:
        raise ContentError(source, f"{quoted(relative)} is a link that leads nowhere", key) from error
    if not inside:
        raise ContentError(source, f"{quoted(relative)} leads out of the testbed folder; put a copy into it", key)
    return path


def inner_file(folder: Path, relative: str, source: Path, key: str | None = None) -> Path:
    """The same, of a file that is there and is neither folder nor device. Raises ContentError."""
    path = _existing(folder, relative, source, key)
    problem = file_problem(path)
    if problem is not None:
        raise ContentError(source, f"{quoted(relative)} {problem}", key)
    return path


def inner_folder(folder: Path, relative: str, source: Path, key: str | None = None) -> Path:
    """The same, of a folder that is there. Raises ContentError."""
    path = _existing(folder, relative, source, key)
    if not path.is_dir():
        raise ContentError(source, f"{quoted(relative)} is a file, and a folder is wanted", key)
    return path


def _existing(folder: Path, relative: str, source: Path, key: str | None) -> Path:
    path = inner_path(folder, relative, source, key)
    if not path.exists():
        raise ContentError(source, f"{quoted(relative)} does not exist in {folder}", key)
    return path


def read_prompt(path: Path) -> str:
    """The text of a brief or a hidden prompt.

    Raises:
        ContentError: it cannot be read, is empty, is larger than a prompt, or has control characters in it.
    """
    text = read_text(path, MOST_PROMPT_BYTES)
    if not any(letter.isprintable() and not letter.isspace() for letter in text):
        raise ContentError(path, "this file is empty")
    try:
        return visible(text)
    except ValueError as error:
        raise ContentError(path, str(error)) from error
