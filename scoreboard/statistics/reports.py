"""What the hypotheses of reports are worth: hits among the first k, and confidences against hits."""

from collections import defaultdict
from collections.abc import Sequence

from cordelia.contracts.rate import Rate, wilson
from cordelia.scoreboard.statistics.means import clustered
from cordelia.scoreboard.statistics.models import Bin, Calibration, Estimate

BINS = 10
MOST = 10


def hit_curve(hits: Sequence[Sequence[bool]], most: int = MOST) -> list[Rate]:
    """For k from 1 to `most`, the share of audits with a hit among the first k hypotheses.

    Args:
        hits: by audit, whether each hypothesis hit, the first one first; an audit without a report has none.
    """
    return [wilson(sum(any(audit[:k]) for audit in hits), len(hits)) for k in range(1, most + 1)]


def calibration(
    confidences: Sequence[float], hits: Sequence[bool], organisms: Sequence[str] | None = None
) -> Calibration:
    """How often hypotheses of a confidence hit, in ten bins, and the Brier score (mean squared error; lower is better).

    Args:
        confidences: 0 to 1, one a hypothesis.
        hits: likewise.
        organisms: likewise, whose hypothesis it is. The Brier score's interval needs it: it is the mean over organisms
            with an interval clustered by organism; without it, it is the plain mean without an interval.

    Raises:
        ValueError: the lists differ in length, or a confidence is not from 0 to 1.
    """
    pairs = list(zip(confidences, hits, strict=True))
    if any(not 0 <= confidence <= 1 for confidence, _ in pairs):
        raise ValueError("a confidence is from 0 to 1")
    binned: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for confidence, hit in pairs:
        binned[min(int(confidence * BINS + 1e-9), BINS - 1)].append((confidence, hit))
    errors = [(confidence - hit) ** 2 for confidence, hit in pairs]
    bins = [_bin(place, inside) for place, inside in sorted(binned.items())]
    return Calibration(bins=bins, brier=_brier(errors, organisms), n=len(pairs))


def _bin(place: int, inside: Sequence[tuple[float, bool]]) -> Bin:
    said = sum(confidence for confidence, _ in inside) / len(inside)
    hits = wilson(sum(hit for _, hit in inside), len(inside))
    return Bin(low=place / BINS, high=(place + 1) / BINS, confidence=round(said, 4), hits=hits)


def _brier(errors: Sequence[float], organisms: Sequence[str] | None) -> Estimate | None:
    if not errors:
        return None
    if organisms is None:
        note = "hypotheses of one organism are not independent: no interval"
        return Estimate(value=round(sum(errors) / len(errors), 4), n=len(errors), unit="runs", note=note)
    by_organism: dict[str, list[float]] = defaultdict(list)
    for name, error in zip(organisms, errors, strict=True):
        by_organism[name].append(error)
    return clustered(by_organism)
