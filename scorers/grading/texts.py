"""Graders' prompts: Markdown files (those of this folder by default), with a canary line that no model is shown."""

import re
from functools import cache
from hashlib import sha256
from pathlib import Path

PROMPTS = Path(__file__).parent / "prompts"
CANARY = re.compile(r"\A<!--.*?-->\n", re.DOTALL)
PLACE = re.compile(r"\{\{(\w+)\}\}")


@cache
def prompt(name: str, folder: Path = PROMPTS) -> str:
    """The text of a prompt file, without its canary line."""
    return CANARY.sub("", (folder / f"{name}.md").read_text(encoding="utf-8"), count=1).strip()


def fill(name: str, folder: Path = PROMPTS, **values: str) -> str:
    """A prompt with its `{{places}}` filled.

    In one pass: a value that has `{{places}}` of its own, as hostile data may, is not filled again.

    Raises:
        KeyError: a place has no value.
    """
    return PLACE.sub(lambda place: values[place.group(1)], prompt(name, folder))


@cache
def prompts_sha256(folder: Path = PROMPTS) -> str:
    """One hash over all prompt files of a folder: grades under different prompts are different measurements."""
    digest = sha256()
    for path in sorted(folder.glob("*.md")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
