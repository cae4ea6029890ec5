"""Prompts are data: Markdown files beside this module, with a canary line that is not sent."""

import re
from pathlib import Path

from cordelia.contracts.content import read_text

_CANARY = re.compile(r"\A<!--.*?-->\s*", re.DOTALL)


def prompt(name: str, **values: str) -> str:
    """The prompt `name`.md with `{placeholders}` filled in and its canary line taken off.

    Raises:
        ContentError: there is no such prompt.
        KeyError: a placeholder has no value.
    """
    return _CANARY.sub("", read_text(Path(__file__).parent / f"{name}.md")).strip().format(**values)
