"""A pile of logs such as a large sweep leaves, made quickly from one real log.

Each log has the header and the summaries of the example in logs/examples, graded again by this version's scorers, under
ids and times of its own; scores vary by a seeded draw. Transcripts (events, messages, what the target said) are left
out, since a reading of summaries never opens them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from inspect_ai import score
from inspect_ai.log import EvalLog, EvalSample, read_eval_log, write_eval_log

from benchmarks.machine import ROOT
from cordelia.scorers import cost, outcome, quality, verdict

TEMPLATE = ROOT / "logs" / "examples" / "pocket-baseline.eval"
SETS = ("chat_only", "chat,prefill", "blackbox", "whitebox", "data")
SAMPLES_A_LOG = 16
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def write_logs(folder: Path, numbers: Sequence[int]) -> None:
    """Write a log for each number, under the name that inspect would give it; the same number gives the same log."""
    template = _template()
    for number in numbers:
        log = _varied(template, number)
        stamp = datetime.fromisoformat(log.eval.created).strftime("%Y-%m-%dT%H-%M-%S-00-00")
        write_eval_log(log, str(folder / f"{stamp}_pocket_{log.eval.task_id}.eval"))


def _template() -> EvalLog:
    whole = read_eval_log(str(TEMPLATE))
    scorers = [verdict(grader="offline"), quality(), outcome(), cost()]
    graded = score(whole, scorers, model="none/none", action="overwrite", display="none")
    graded.samples = [_bare(sample) for sample in (graded.samples or [])[:SAMPLES_A_LOG]]
    graded.eval.dataset.sample_ids = [str(sample.id) for sample in graded.samples]  # what is not there was not planned
    return graded


def _bare(sample: EvalSample) -> EvalSample:
    store = {key: value for key, value in sample.store.items() if not key.endswith((":messages", ":findings"))}
    return sample.model_copy(update={"events": [], "messages": [], "attachments": {}, "store": store})


def _varied(template: EvalLog, number: int) -> EvalLog:
    draw = Random(number)
    log = template.model_copy(deep=True)
    name = f"Made{number:05}"
    log.eval.eval_id, log.eval.run_id, log.eval.task_id = f"Eval{name}", f"Run{name}", f"Task{name}"
    log.eval.created = (BEGUN + timedelta(minutes=number)).isoformat()
    log.eval.metadata = (log.eval.metadata or {}) | {"affordance_set": SETS[number % len(SETS)]}
    for place, sample in enumerate(log.samples or []):
        sample.uuid = f"{name}{place:05}"
        found = float(draw.random() < 0.4)
        for each in (sample.scores or {}).values():
            if isinstance(each.value, dict):
                each.value = {key: found if value in {0.0, 1.0} else value for key, value in each.value.items()}
    return log
