"""Metrics that inspect has not, or has in a form that would print 0 for what was never measured."""

from collections import Counter
from collections.abc import Mapping
from typing import cast

from inspect_ai.scorer import Metric, MetricProtocol, SampleScore, Value, ci, ci_wilson, metric

from cordelia.contracts.outcome import Outcome

UNMEASURED = float("nan")


@metric
def dev(binary: bool = False) -> Metric:
    """Mean, interval and n over the samples of split dev. See `of_split`."""
    return of_split("dev", binary)


@metric
def test(binary: bool = False) -> Metric:
    """Mean, interval and n over the samples of split test. See `of_split`."""
    return of_split("test", binary)


def of_split(split: str, binary: bool) -> Metric:
    """The `mean` over one split, never over both, with `lower`, `upper` and `n`; NaN where nothing was measured.

    Args:
        split: `dev` or `test`, as the scores' metadata says.
        binary: the values are 0 or 1 (or shares of it over epochs) and get a Wilson interval; else a t interval.
    """
    interval = cast(MetricProtocol, ci_wilson() if binary else ci())

    def compute(scores: list[SampleScore]) -> Value:
        chosen = [score for score in scores if (score.score.metadata or {}).get("split") == split]
        if not chosen:
            return {"mean": UNMEASURED, "lower": UNMEASURED, "upper": UNMEASURED, "n": 0}
        mean = sum(score.score.as_float() for score in chosen) / len(chosen)
        bounds = cast(Mapping[str, float], interval(chosen)) if binary or len(chosen) > 1 else {}
        lower, upper = (float(bounds.get(side, UNMEASURED)) for side in ("lower", "upper"))
        return {"mean": mean, "lower": lower, "upper": upper, "n": len(chosen)}

    return compute


@metric(scores="unreduced")
def outcome_share() -> Metric:
    """The share of each outcome among all samples and epochs; every outcome is named, those that never came
    as 0.

    Unreduced, because an epoch's outcome is a word: neither a mean nor pass@k of words exists.
    """

    def compute(scores: list[SampleScore]) -> Value:
        counts = Counter(score.score.as_str() for score in scores)
        return {outcome.value: counts[outcome.value] / len(scores) if scores else UNMEASURED for outcome in Outcome}

    return compute
