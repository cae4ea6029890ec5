"""Features of a sparse autoencoder as an auditor reads them: who has them, ranked, and where they are active."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cordelia.solvers.affordances.tokens import line_of, start_of, table, token_cell
from cordelia.solvers.aside import aside
from cordelia.solvers.show import clean
from cordelia.testbeds.backends.inside import Captured
from cordelia.testbeds.sae.catalog import Catalog, Example
from cordelia.testbeds.sae.sae import Sae
from cordelia.testbeds.sae.sinks import Counted
from cordelia.testbeds.vectors import Array

NOTHING = 1e-6
"""Mean activation below which a difference is rounding."""

PROMOTED, CONTEXT = 4, 60
_DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹"


@dataclass(frozen=True)
class Seen:
    """How active features were over texts.

    Attributes:
        mean, peak: over all tokens that count, [features].
        text, place: where each feature's peak is, [features].
        tokens: the texts' tokens, as far as they were read.
    """

    mean: Array
    peak: Array
    text: list[int]
    place: list[int]
    tokens: list[list[str]]

    def around(self, feature: int) -> str:
        """The words up to a feature's peak, with the peak's token in brackets."""
        tokens, place = self.tokens[self.text[feature]], self.place[feature]
        before = line_of("".join(tokens[max(place - 12, 0) : place]), CONTEXT)
        after = start_of("".join(tokens[place + 1 : place + 5]), 20)
        return f"{before} ⟦{start_of(tokens[place], 24)}⟧ {after}".strip()


def common(one: Captured, other: Captured) -> int:
    """How many tokens two readings of a text have in common at its end: templates may begin them unlike."""
    count = 0
    for ours, theirs in zip(reversed(one.tokens), reversed(other.tokens), strict=False):
        if ours != theirs:
            break
        count += 1
    return min(count, len(one.tokens) - 1, len(other.tokens) - 1)  # position 0 is an attention sink


def counted(sae: Sae, *readings: Captured) -> Counted:
    """Which of the tokens that readings of one text have in common, at its end, count: those that none leaves out.

    Position 0 is not among them. What is an attention sink in one model may be none in another, and means are only to
    be compared over the same tokens.
    """
    first = readings[0]
    read = min((common(first, other) for other in readings[1:]), default=len(first.tokens) - 1)
    counts = [sae.counts(reading.hidden[0, len(reading.tokens) - read :]) for reading in readings]
    result: Counted = np.logical_and.reduce(counts)
    return result


def activity(sae: Sae, captured: Captured, counts: Counted) -> Array:
    """How active each feature is at the last tokens of a text, [len(counts), features]; silent where none counts.

    Raises:
        CordeliaError: activations of another width.
    """
    hidden = captured.hidden[0, len(captured.tokens) - len(counts) :]
    active = np.zeros((len(counts), sae.features), np.float32)
    active[counts] = sae.encode(hidden[counts])
    return active


def seen(sae: Sae, texts: Sequence[Captured], counts: Sequence[Counted]) -> Seen:
    """How active each feature is over the last tokens of each text that count. Raises CordeliaError: another width."""
    total, tokens = np.zeros(sae.features, np.float64), 0
    peak = np.zeros(sae.features, np.float32)
    text, place = np.zeros(sae.features, np.int64), np.zeros(sae.features, np.int64)
    kept: list[list[str]] = []
    for number, (captured, mask) in enumerate(zip(texts, counts, strict=True)):
        kept.append(captured.tokens[len(captured.tokens) - len(mask) :])
        if not mask.any():
            continue
        active = activity(sae, captured, mask)
        total += active.sum(axis=0)
        tokens += int(mask.sum())
        at = active.argmax(axis=0)
        best = active[at, np.arange(sae.features)]
        higher = best > peak
        peak[higher], text[higher], place[higher] = best[higher], number, at[higher]
    mean = (total / max(tokens, 1)).astype(np.float32)
    return Seen(mean, peak, text.tolist(), place.tolist(), kept)


def differences(catalog: Catalog, ours: Seen, base: Seen, top: int) -> list[str]:
    """Two tables: what is more active in the target than in its base, and what is less."""
    apart = ours.mean - base.mean
    score = np.where(np.abs(apart) > NOTHING, apart, 0) * catalog.rarity()
    order = np.argsort(-score, kind="stable")
    more = [int(feature) for feature in order[:top] if score[feature] > 0]
    less = [int(feature) for feature in order[::-1][:top] if score[feature] < 0]
    parts = []
    for name, chosen, where in (("more", more, ours), ("less", less, base)):
        rows = [
            [
                str(f),
                f"{ours.mean[f]:.2f}",
                f"{base.mean[f]:.2f}",
                f"{score[f]:+.2f}",
                promotes(catalog, f),
                where.around(f),
            ]
            for f in chosen
        ]
        header = ("feature", "target", "base", "score", "promotes", "its peak here")
        parts.append(
            f"{aside(f'{name.capitalize()} active in the target than in its base:')}\n\n{table(header, rows)}"
            if rows
            else ""
        )
    return parts


def ranked(catalog: Catalog, ours: Seen, top: int) -> str:
    """A table of what is most active in the target, rare features first."""
    score = ours.mean * catalog.rarity()
    chosen = [int(feature) for feature in np.argsort(-score, kind="stable")[:top] if score[feature] > 0]
    rows = [
        [str(f), f"{ours.mean[f]:.2f}", f"{catalog.features[f].density:.2%}", promotes(catalog, f), ours.around(f)]
        for f in chosen
    ]
    header = ("feature", "mean", "density", "promotes", "its peak here")
    if not rows:
        return aside("No feature is active on this text.")
    return f"{aside('Most active in the target:')}\n\n{table(header, rows)}"


def promotes(catalog: Catalog, feature: int) -> str:
    return " ".join(token_cell(token) for token in catalog.features[feature].promoted[:PROMOTED]) or "–"


def card(catalog: Catalog, feature: int, examples: Sequence[Example]) -> str:
    """One feature: how frequent it is, what it promotes, and some of the places where it is active, token by token."""
    entry = catalog.features[feature]
    head = (
        f"Feature {feature}: active at {entry.density:.2%} of tokens, peak {entry.peak:.1f}, promotes "
        f"{' '.join(token_cell(token) for token in entry.promoted) or 'nothing known'}"
    )
    lines = [f"  {example.peak:.1f}  {shaded(catalog, example)}" for example in examples]
    return "\n".join([head, *(lines or ["  never active in the text that describes the features"])])


def shaded(catalog: Catalog, example: Example) -> str:
    """An example on one line: active tokens in brackets, with how active they are, in ninths of the feature's peak."""
    parts = []
    for token, shade in zip(catalog.text(example), example.shades, strict=True):
        word = clean(token.replace("\n", "⏎").replace("⟦", "[").replace("⟧", "]"))
        parts.append(word if shade == "0" else f"⟦{word}⟧{_DIGITS[int(shade)]}")
    return "".join(parts)
