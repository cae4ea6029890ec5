"""One log graded again: how it is scored, how it says so, and when it is left alone.

A rescored log says in its metadata by what it was graded (`rescored`), so that a pile whose rescoring was cut short is
gone on with, and only what is new is graded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from inspect_ai import score
from inspect_ai.log import EvalLog, EvalSample, read_eval_log, write_eval_log
from inspect_ai.model import Model, ModelConfig

from cordelia.contracts.errors import CordeliaError
from cordelia.contracts.outcome import Outcome
from cordelia.contracts.record import AuditRecord
from cordelia.contracts.verdict import THRESHOLD
from cordelia.scoreboard.rows import is_audit, read_log
from cordelia.scorers import cost, outcome, quality, verdict
from cordelia.scorers.case import load_case
from cordelia.scorers.grading.texts import prompts_sha256

RESCORED = "rescored"
"""Key of the log's metadata that says by what it was graded again."""

MOST_NAMED = 3


class Spoiled(Exception):  # noqa: N818 - a state of the new scores, not a fault
    """The new grader could not grade what had been graded."""


@dataclass(frozen=True)
class Regrading:
    """One grader for a pile of logs.

    Attributes:
        grader: `offline` or `model`. model, names: the grader's model or panel; None and empty for `offline`.
        threshold: the new one; None keeps each log's own.
    """

    grader: str
    model: Model | list[Model] | None
    names: Sequence[str]
    threshold: int | None

    def read(self, file: Path) -> EvalLog | None:
        """The log, None when it holds no audited samples. Raises CordeliaError for what is no log."""
        if not is_audit(_header(file)):
            return None
        log = read_log(str(file))
        return log if log.samples else None

    def was_done(self, log: EvalLog, file: Path, target: Path) -> bool:
        """Whether `target` is this log as this grader grades it, with no report left ungraded."""
        if target != file:
            if not target.is_file():
                return False
            log, of = read_log(str(target)), log
            if (of.eval.eval_id, len(of.samples or [])) != (log.eval.eval_id, len(log.samples or [])):
                return False
        return (log.eval.metadata or {}).get(RESCORED) == self._mark(log) and not _failed(log)

    def score(self, log: EvalLog) -> EvalLog:
        """The log itself (a copy takes a third of the time) with its scores replaced.

        Raises Spoiled when what was scored no longer is.
        """
        threshold = self._threshold(log)
        self.bind(log)
        scorers = [verdict(grader=self.grader, threshold=threshold), quality(), outcome(), cost()]
        roles = {"grader": self.model} if self.model is not None else None
        graded = [_has_verdict(sample) for sample in log.samples or []]
        rescored = score(
            log, scorers, model="none/none", model_roles=roles, action="overwrite", display="plain", copy=False
        )
        pairs = zip(graded, rescored.samples or [], strict=True)
        lost = [sample for before, sample in pairs if before and not _has_verdict(sample)]
        if lost:
            named = "; ".join(_why(sample) for sample in lost[:MOST_NAMED])
            raise Spoiled(f"no grade for {len(lost)} of {len(graded)} audits ({named})")
        rescored.eval.metadata = {**(rescored.eval.metadata or {}), RESCORED: self._mark(rescored)}
        return rescored

    def bind(self, log: EvalLog) -> None:
        """Put the grader into the log's header, so that it does not name the old one, nor need its key."""
        bound = [ModelConfig(model=name) for name in self.names]
        roles = {name: role for name, role in (log.eval.model_roles or {}).items() if name != "grader"}
        log.eval.model_roles = {**roles, **({"grader": bound if len(bound) > 1 else bound[0]} if bound else {})} or None

    @staticmethod
    def write(log: EvalLog, target: Path) -> None:
        """Write the whole log, or leave what was there."""
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.part")
        write_eval_log(log, str(part), format="json" if target.suffix == ".json" else "eval")
        part.replace(target)

    def _mark(self, log: EvalLog) -> dict[str, object]:
        """What a grading of this log depends on, now."""
        record = (log.samples or [EvalSample(id=0, epoch=1, input="", target="")])[0].store_as(AuditRecord)
        try:
            truth = load_case(record).truth_sha256
        except CordeliaError:
            truth = ""
        return {
            "grader": self.grader,
            "models": list(self.names),
            "threshold": self._threshold(log),
            "prompts_sha256": prompts_sha256() if self.names else "",
            "truth_sha256": truth,
            "cordelia": version("cordelia"),
        }

    def _threshold(self, log: EvalLog) -> int:
        """The threshold to grade with: the one that was asked for, else the one that the log was graded with."""
        if self.threshold is not None:
            return self.threshold
        for scorer in log.eval.scorers or []:
            if scorer.name.rpartition("/")[2] == "verdict" and scorer.options:
                return int(scorer.options.get("threshold", THRESHOLD))
        return THRESHOLD


def _header(file: Path) -> EvalLog:
    try:
        return read_eval_log(str(file), header_only=True)
    except Exception as error:
        raise CordeliaError(f"not a log that inspect can read: {error}") from error


def _has_verdict(sample: EvalSample) -> bool:
    """Whether the newest verdict of a sample has scores."""
    found = [score.value for name, score in (sample.scores or {}).items() if name.startswith("verdict")]
    return bool(found) and isinstance(found[-1], Mapping)


def _why(sample: EvalSample) -> str:
    score = (sample.scores or {}).get("verdict")
    said = " ".join((score.explanation or score.reason or "no verdict").split()) if score else "no verdict"
    return f"{sample.id}, run {sample.epoch}: {said[:120]}"


def _failed(log: EvalLog) -> bool:
    """Whether some report could not be graded by any grader."""
    scores = (score for sample in log.samples or [] for score in (sample.scores or {}).values())
    return any(score.value == Outcome.GRADER_FAILED.value for score in scores)
