"""Where figures come from: what a reader needs to get them again."""

from collections.abc import Iterable, Sequence

from inspect_ai.log import EvalLog

from cordelia.contracts.secret_keys import masked
from cordelia.scoreboard.made import auditor_call, commit_of, digest


def provenance(logs: Sequence[EvalLog]) -> dict[str, str]:
    """What logs were made with, by name; what differs between them stands side by side.

    The commit is that of the folder in which the eval ran (`-dirty`: with changes that are not in it), and the content
    hash is over the prompts, batteries and sets of the auditors.
    """
    facts = {
        "cordelia": (str((log.eval.metadata or {}).get("cordelia", "")) for log in logs),
        "commit": (commit_of(log) for log in logs),
        "inspect_ai": (log.eval.packages.get("inspect_ai", "") for log in logs),
        "auditor": (_call(*auditor_call(log)) for log in logs),
        "auditor model": (log.eval.model for log in logs),
        "targets": (_call("", (log.eval.metadata or {}).get("target_args")).strip() for log in logs),
        "runs": (str(log.eval.config.epochs or 1) for log in logs),
        "content": (digest((log.eval.metadata or {}).get("content_sha256")) for log in logs),
        "begun": (log.eval.created for log in logs),
    }
    return {name: told for name, values in facts.items() if (told := _alike(values))}


def _call(name: str, arguments: object) -> str:
    given = arguments if isinstance(arguments, dict) else {}
    said = {str(key): masked(value, str(key)) for key, value in sorted(given.items()) if value is not None}
    return " ".join([name, *(f"{key}={value}" for key, value in said.items())])


def _alike(values: Iterable[str]) -> str:
    return ", ".join(value for value in dict.fromkeys(values) if value)
