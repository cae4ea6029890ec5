"""Ways of auditing that must not be pooled get names of their own.

A result is of one auditor, model and affordance set. Where the same of these were run with several graders, thresholds,
budgets, bases, prompts, settings or other models, or one set with several arguments of the auditor, the auditor's name
is given what differs: `baseline (prompts_per_topic=6)`. So it is where auditors of one name are of different packages
or files: `agent (their_package/agent)`. A set's name is only what somebody called it, so one that holds other
affordances or tools elsewhere is given these: `mine (with prefill)`.
"""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256

import polars as pl

ALWAYS = {
    "grader": "graded by ",
    "threshold": "hit from ",
    "base": "base ",
    "budget": "",
    "generate": "",
    "model_args": "",
    "model_roles": "",
    "content_sha256": "prompts ",
}
"""Columns that must be the same over all sets of an auditor, and what is put in front of a value."""

WITHIN_A_SET = ("auditor_args",)
"""Columns that may differ between sets (an arm a set), and not within one."""

MAPPINGS = ("budget", "generate", "model_args", "model_roles", "auditor_args")
"""Columns of JSON, of which only the keys that differ are told."""

AT_LAST = {"auditor_name": ("called ", None), "solver_sha256": ("file ", 8)}
"""Columns that are told only where all the rest does not tell audits apart: what is put in front, and most characters.
A value that nobody knows is like every other."""

LEAST_PARTS = 2
"""Of a solver's full name, as many parts as tell it apart, and at least these."""
MOST_SHOWN = 40
"""Characters of a value that stands in a name."""
MOST_NAMED = 3
"""Affordances that stand in a set's name."""

Members = tuple[str, ...]


def told_apart(audits: pl.DataFrame) -> pl.DataFrame:
    """The audits, with `auditor` and `affordance_set` as the names by which they may be pooled."""
    audits = _sets_told(audits)
    parts = [_told(part) for part in audits.partition_by("auditor", "auditor_model", maintain_order=True)]
    return pl.concat(parts) if parts else audits


def notes_of(audits: pl.DataFrame, apart: pl.DataFrame) -> list[str]:
    """What a reader must know of names that were given.

    Args:
        audits: as they were read.
        apart: the same as `told_apart` gave them.
    """
    sets = sorted(set(apart["affordance_set"]) - set(audits["affordance_set"]))
    auditors = sorted(set(apart["auditor"]) - set(audits["auditor"]))
    notes = []
    if sets:
        notes.append(
            f"Sets of one name that do not hold the same affordances and tools are told apart: {', '.join(sets)}."
        )
    if auditors:
        notes.append(
            f"Audits by one auditor that were not made or graded alike are told apart, by what differs: "
            f"{', '.join(auditors)}."
        )
    return notes


def _sets_told(audits: pl.DataFrame) -> pl.DataFrame:
    members = [
        tuple(sorted({*(affordances or []), *(_short_tool(tool) for tool in tools or [])}))
        for affordances, tools in audits.select("affordances", "tools").iter_rows()
    ]
    found: dict[str, dict[Members, None]] = {}
    for name, held in zip(audits["affordance_set"], members, strict=True):
        found.setdefault(name, {})[held] = None
    names = {name: _set_names(name, list(variants)) for name, variants in found.items() if len(variants) > 1}
    if not names:
        return audits
    told = [
        names[name][held] if name in names else name
        for name, held in zip(audits["affordance_set"], members, strict=True)
    ]
    return audits.with_columns(pl.Series("affordance_set", told, dtype=pl.String))


def _short_tool(tool: str) -> str:
    """A tool in a file by the file's name: it may lie elsewhere on another machine."""
    return tool.rpartition("/")[2] if "@" in tool else tool


def _set_names(name: str, variants: Sequence[Members]) -> Mapping[Members, str]:
    """A name for each of the sets that are called the same, by what it has beyond all of them, or else lacks."""
    common = set.intersection(*map(set, variants))
    every = set.union(*map(set, variants))
    given: dict[Members, str] = {}
    for held in sorted(variants, key=lambda each: (len(each), each)):
        beyond, lacking = sorted(set(held) - common), sorted(every - set(held))
        wanted = told = f"{name} ({f'with {_some(beyond)}' if beyond else f'without {_some(lacking)}'})"
        number = 1
        while told in given.values():
            number += 1
            told = f"{wanted} ({number})"
        given[held] = told
    return given


def _some(names: Sequence[str]) -> str:
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _told(audits: pl.DataFrame) -> pl.DataFrame:
    """Audits of one auditor and model."""
    varying = [name for name in ALWAYS if audits[name].n_unique() > 1]
    for name in WITHIN_A_SET:
        if any(part[name].n_unique() > 1 for part in audits.partition_by("affordance_set")):
            varying.append(name)
    texts = [_texts(name, audits[name].to_list()) for name in varying]
    if audits["solver"].replace("", None).drop_nulls().n_unique() > 1:
        texts.insert(0, _solvers(audits["solver"].to_list()))
    for name, (words, most) in AT_LAST.items():
        values = audits[name].to_list()
        if _mixed(texts, values):
            texts.append([f"{words}{value[:most]}" if value else "" for value in values])
    if not texts:
        return audits
    labels = [
        f"{auditor} ({', '.join(part for part in parts if part) or 'as it comes'})"
        for auditor, parts in zip(audits["auditor"], zip(*texts, strict=True), strict=True)
    ]
    return audits.with_columns(pl.Series("auditor", labels, dtype=pl.String))


def _solvers(names: Sequence[str | None]) -> list[str]:
    """The ends of solvers' full names that tell them apart: `their_package/agent`, `one/mine.py@agent`."""
    split = {name: name.split("/") for name in names if name}
    count, ends = LEAST_PARTS - 1, dict.fromkeys(split, "")
    while len(set(ends.values())) < len(ends):
        count += 1
        ends = {name: "/".join(parts[-count:]) for name, parts in split.items()}
    return [ends[name] if name else "solver unknown" for name in names]


def _mixed(texts: Sequence[Sequence[str]], values: Sequence[str | None]) -> bool:
    """Whether audits that are told the same so far have several values."""
    found: dict[Members, set[str]] = {}
    for place, value in enumerate(values):
        if value:
            found.setdefault(tuple(text[place] for text in texts), set()).add(value)
    return any(len(each) > 1 for each in found.values())


def _texts(name: str, values: Sequence[object]) -> list[str]:
    if name in MAPPINGS:
        return _differing([_mapping(value) for value in values])
    return [f"{ALWAYS[name]}{value if value not in (None, '') else 'none'}" for value in values]


def _mapping(value: object) -> dict[str, str]:
    data: object = json.loads(str(value)) if value else {}
    given = data if isinstance(data, dict) else {}
    return {str(key): _shown(of) for key, of in given.items()}


def _shown(value: object) -> str:
    """A value as a name holds it; a long one (a system message) by its beginning and a hash."""
    if isinstance(value, list):
        text = ",".join(map(str, value))
    elif isinstance(value, dict):
        text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    else:
        text = str(value)
    if len(text) <= MOST_SHOWN:
        return text
    return f"{text[: MOST_SHOWN // 2]}… {sha256(text.encode()).hexdigest()[:6]}"


def _differing(given: Sequence[dict[str, str]]) -> list[str]:
    """What each says of the keys on which they differ: `max_tokens=40, seed=1`."""
    keys = sorted({key for each in given for key in each})
    unlike = [key for key in keys if len({each.get(key) for each in given}) > 1]
    return [", ".join(f"{key}={each[key]}" for key in unlike if key in each) for each in given]
