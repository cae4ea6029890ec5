"""Attention sinks: tokens whose activations are many times longer than others' and say nothing of the text.

The first token of a text, and often some that begin or end something, carry a few enormous numbers whatever the text is
about, and attention rests on them (Sun et al. 2024, "Massive Activations in Large Language Models", arXiv 2402.17762).
An autoencoder that is trained on them spends features on them, and one that is not reads them wrongly. So they are left
out where an autoencoder is trained, measured, described and used: position 0 always, and every token whose activation
is longer than some number of times the median (10, which others who train autoencoders leave out too).

The median is that of the training text, and it is kept with the autoencoder. A text of three tokens has no median to go
by, and a target must be read by the same rule as its base.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from cordelia.contracts.content import Content
from cordelia.testbeds.vectors import Array

Counted = NDArray[np.bool_]
"""Which tokens count, [tokens]."""


class SinkRule(Content):
    """Which tokens an autoencoder leaves out, beside position 0 of each text. Lengths are L2 norms.

    Attributes:
        times_median: how many times the median an activation may be long.
        median_length: the median over the tokens that it was trained on, sinks among them, position 0 not.
    """

    times_median: float = Field(gt=1, allow_inf_nan=False)
    median_length: float = Field(gt=0, allow_inf_nan=False)

    @property
    def longest(self) -> float:
        """The length beyond which an activation is left out."""
        return self.times_median * self.median_length

    def counts(self, lengths: Array) -> Counted:
        """Which of these lengths [tokens] are not left out."""
        result: Counted = lengths <= self.longest
        return result


def sink_rule(lengths: Array, times_median: float) -> SinkRule:
    """The rule for a training text whose activations have these lengths, [tokens], at least one."""
    median = float(np.median(lengths))
    return SinkRule(times_median=times_median, median_length=float(f"{median:.6g}"))  # as it is written, so it is used


def lengths_of(hidden: Array) -> Array:
    """The length of each activation, [tokens]."""
    result: Array = np.linalg.norm(hidden.astype(np.float32, copy=False), axis=1)
    return result


def all_count(hidden: Array | Sequence[object]) -> Counted:
    """Every token counts."""
    return np.ones(len(hidden), dtype=np.bool_)
