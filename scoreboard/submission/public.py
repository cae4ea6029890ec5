"""The frame as it is handed in: all figures, and nothing that tells what an organism hides or where it was run."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import sha256

import polars as pl

from cordelia.scoreboard.columns import AUDITS

WITHHELD = ("answer", "reason")
"""Free text: the auditor's answer says what an organism hides whenever it is right."""

WITHHELD_ARGS = "withheld_sha256"
"""Key under which settings that tell a truth are handed in as their hash."""

PUBLIC = {name: kind for name, kind in AUDITS.items() if name not in WITHHELD}
"""Columns of a submitted frame, and their types."""

SETTINGS = {
    "auditor_args": "the auditor's arguments",
    "generate": "the model's settings",
    "model_args": "the model's arguments",
    "model_roles": "the settings of model roles",
    "backend_args": "the settings of the backend",
}
"""Columns of JSON that hold what somebody wrote, and what they are called."""

PLACES = ("log", "solver", "auditor_model", "base")
"""Columns of text that may hold a path."""

_PATH = re.compile(r"(?:file://)?(?:~|\.{1,2}|[A-Za-z]:)?[/\\][^/\\\n][^\n]*")
_LOCAL_MODEL = re.compile(r"(?P<provider>[\w.-]+)/(?P<path>/[^\n]+)")
"""inspect's name of a model in a folder: `hf//home/me/weights`."""


@dataclass
class ShortNames:
    """What files and folders are called without the folders that they are in; two of one name stay two."""

    given: dict[str, str] = field(default_factory=dict)

    def short(self, text: str) -> str:
        """`tools.py@probe` of `/home/me/tools.py@probe`; what is no path, or has a single part, stays whole."""
        if found := _LOCAL_MODEL.fullmatch(text):
            return f"{found['provider']}/{self.short(found['path'])}"
        parts = re.split(r"[/\\]", text.rstrip("/\\"))
        address = "://" in text and text.endswith((".eval", ".json"))
        if not (address or _PATH.fullmatch(text)) or len([each for each in parts if each]) < 2:
            return text
        if text not in self.given:
            wanted, number = parts[-1], 1
            while (name := wanted if number == 1 else f"{wanted} ({number})") in self.given.values():
                number += 1
            self.given[text] = name
        return self.given[text]


def public(audits: pl.DataFrame, telling: Collection[str] = (), names: ShortNames | None = None) -> pl.DataFrame:
    """The columns that are handed in: without free text, and without the folders of the machine that ran the audits.

    Args:
        audits: a frame.
        telling: values of `SETTINGS` that hold words of a truth; only their hash is handed in.
        names: what paths are called, where something else calls them so too.
    """
    names = names or ShortNames()
    told = {name: [_settings(text, telling, names) for text in audits[name]] for name in SETTINGS}
    told |= {name: [None if text is None else names.short(text) for text in audits[name]] for name in PLACES}
    tools = [[names.short(tool) for tool in each or []] for each in audits["tools"].to_list()]
    return audits.select(list(PUBLIC)).with_columns(
        *(pl.Series(name, values, dtype=pl.String) for name, values in told.items()),
        pl.Series("tools", tools, dtype=pl.List(pl.String)),
    )


def _settings(text: str | None, telling: Collection[str], names: ShortNames) -> str | None:
    if text is None:
        return None
    if text in telling:
        return json.dumps({WITHHELD_ARGS: sha256(text.encode()).hexdigest()})
    return json.dumps(_shortened(json.loads(text), names), sort_keys=True, ensure_ascii=False)


def _shortened(value: object, names: ShortNames) -> object:
    """Plain data with every path in it shortened."""
    if isinstance(value, dict):
        return {key: _shortened(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_shortened(each, names) for each in value]
    return names.short(value) if isinstance(value, str) else value
