"""Prompts are data: Markdown files beside this module, with a canary line that is not sent."""

import re
from hashlib import sha256
from pathlib import Path

from cordelia.contracts.content import read_text

_CANARY = re.compile(r"\A<!--.*?-->\s*", re.DOTALL)


def content_sha256() -> dict[str, str]:
    """The SHA-256 of every content file of the auditors (prompts, batteries, sets), by path: what a log must say."""
    solvers = Path(__file__).parent.parent
    return {
        path.relative_to(solvers).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(solvers.rglob("*"))
        if path.suffix in {".md", ".yaml"}
    }


def prompt(name: str, **values: str) -> str:
    """The prompt `name`.md with `{placeholders}` filled in and its canary line taken off.

    Raises:
        ContentError: there is no such prompt.
        KeyError: a placeholder has no value.
    """
    return _CANARY.sub("", read_text(Path(__file__).parent / f"{name}.md")).strip().format(**values)
