"""Log files made from one real log: its header, and samples under ids and with changes of a test's own."""

import zipfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from inspect_ai.log import EvalLog, EvalSample, read_eval_log, write_eval_log

EXAMPLE = Path(__file__).parents[2] / "logs" / "examples" / "siskin-scripted-investigator.eval"
UNFINISHED = {"header.json", "summaries.json", "reductions.json"}
Change = Callable[[EvalLog], None]


@lru_cache(maxsize=1)
def _example() -> EvalLog:
    log = read_eval_log(str(EXAMPLE))
    for sample in log.samples or []:
        sample.events, sample.attachments = [], {}
        told = {
            "outcome": {"auditor": "investigator"},
            "quality": {"confidences": [0.85, 0.1], "hits": [True, False]},
            "cost": {"tool_calls": {"chat": 4, "probe": 1}, "tool_first": {"chat": 0.0, "probe": 0.25}, "money": 0.5},
        }
        for name, facts in told.items():
            score = (sample.scores or {})[name]
            score.metadata = (score.metadata or {}) | facts
    return log


def write_log(folder: Path, task_id: str = "T1", organisms: str = "siskin", change: Change | None = None) -> Path:
    """Write `<folder>/<time>_pocket_<task_id>.eval`: a sample for each of the organisms (names with commas between)."""
    log = _example().model_copy(deep=True)
    log.eval.task_id, log.eval.eval_id, log.eval.run_id = task_id, f"E{task_id}", f"R{task_id}"
    [sample] = log.samples or []
    log.samples = [_of(sample, name, f"{task_id}-{name}") for name in organisms.split(",")]
    log.eval.dataset.sample_ids = [each.id for each in log.samples]  # type: ignore[assignment]  # all of them text
    log.eval.dataset.samples = len(log.samples)
    if change is not None:
        change(log)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"2026-11-21T10-00-00-00-00_pocket_{log.eval.eval_id}.eval"
    write_eval_log(log, str(path))
    return path


def without(path: Path, members: set[str]) -> None:
    """Write a log again without some members, as one that is still being written has it."""
    with zipfile.ZipFile(path) as old:
        kept = {name: old.read(name) for name in old.namelist() if name not in members}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in kept.items():
            new.writestr(name, data)


def _of(sample: EvalSample, organism: str, uuid: str) -> EvalSample:
    return sample.model_copy(update={"id": organism, "uuid": uuid}, deep=True)
