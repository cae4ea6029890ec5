"""Metrics that inspect has not, or has in a form that would print 0 for what was never measured."""

from collections import Counter
from typing import cast

from inspect_ai.scorer import Metric, MetricProtocol, SampleScore, Value, ci_wilson, metric

from cordelia.contracts.outcome import Outcome

UNMEASURED = float("nan")


@metric
def wilson(level: float = 0.95) -> Metric:
    """Wilson interval of a share, as `lower` and `upper`; NaN when nothing was measured (inspect's says 0 to
    0).

    Args:
        level: confidence, between 0 and 1.
    """
    interval = cast(MetricProtocol, ci_wilson(level=level))

    def compute(scores: list[SampleScore]) -> Value:
        return interval(scores) if scores else {"lower": UNMEASURED, "upper": UNMEASURED}

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
