"""The grader's prompts: Markdown files beside this module, with a canary line that no model is shown."""

import re
from functools import cache
from hashlib import sha256
from pathlib import Path

PROMPTS = Path(__file__).parent / "prompts"
CANARY = re.compile(r"\A<!--.*?-->\n", re.DOTALL)
PLACE = re.compile(r"\{\{(\w+)\}\}")


@cache
def prompt(name: str) -> str:
    """The text of a prompt file, without its canary line."""
    return CANARY.sub("", (PROMPTS / f"{name}.md").read_text(encoding="utf-8"), count=1).strip()


def fill(name: str, **values: str) -> str:
    """A prompt with its `{{places}}` filled.

    In one pass: a value that has `{{places}}` of its own, as hostile data may, is not filled again.

    Raises:
        KeyError: a place has no value.
    """
    return PLACE.sub(lambda place: values[place.group(1)], prompt(name))


@cache
def prompts_sha256() -> str:
    """One hash over all prompt files: grades under different prompts are different measurements."""
    digest = sha256()
    for path in sorted(PROMPTS.glob("*.md")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
