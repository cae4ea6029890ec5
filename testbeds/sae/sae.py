"""A sparse autoencoder of one block's residual stream, as numpy arrays.

    features = kept((n(x) − b_dec) W_enc + b_enc)        x ≈ n⁻¹(features W_dec + b_dec)

`kept` is ReLU ("standard"), the k largest of a token ("topk"), or all above a threshold of their own ("jumprelu", what
a BatchTopK autoencoder becomes when it is used). Bussmann et al. 2024, "BatchTopK Sparse Autoencoders"; Gao et al.
2024, "Scaling and evaluating sparse autoencoders".
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cordelia.contracts.errors import CordeliaError
from cordelia.testbeds.sae.sinks import Counted, SinkRule, all_count, lengths_of
from cordelia.testbeds.vectors import Array

Kind = Literal["standard", "topk", "jumprelu"]
Norm = Literal["none", "mean", "layer_norm", "constant_norm_rescale"]
_EPSILON = 1e-5


@dataclass(frozen=True)
class Sae:
    """One autoencoder. Activations are float32 [tokens, width], features float32 [tokens, features].

    Attributes:
        model: the hub id of the model whose residual stream it reads.
        block: it reads the output of this block.
        kind: what is kept; k: how many, of "topk"; threshold [features]: of "jumprelu".
        encoder [width, features], encoder_bias [features], decoder [features, width], decoder_bias [width].
        centred: the decoder's bias is taken off before encoding.
        norm: what is done to an activation before it is encoded, and undone after ("mean": its mean is taken off).
        sinks: which tokens it was not trained on and does not read; None: all but the first of a text are read.
    """

    model: str
    block: int
    kind: Kind
    encoder: Array
    encoder_bias: Array
    decoder: Array
    decoder_bias: Array
    k: int = 0
    threshold: Array | None = None
    centred: bool = True
    norm: Norm = "none"
    sinks: SinkRule | None = None

    @property
    def width(self) -> int:
        """Numbers of the residual stream."""
        return int(self.encoder.shape[0])

    @property
    def features(self) -> int:
        """How many features it has."""
        return int(self.encoder.shape[1])

    def counts(self, hidden: Array) -> Counted:
        """Which tokens are not left out as attention sinks, [tokens]. The first of a text is for the caller to drop."""
        return self.sinks.counts(lengths_of(hidden)) if self.sinks else all_count(hidden)

    def encode(self, hidden: Array) -> Array:
        """How active each feature is at each token, also at those that do not count.

        Raises:
            CordeliaError: activations of another width.
        """
        if hidden.ndim != 2 or hidden.shape[1] != self.width:
            raise CordeliaError(
                f"The autoencoder was made for a residual stream of width {self.width}; these activations have the "
                f"shape {hidden.shape}, so they are another model's."
            )
        values, _, _ = self._normed(hidden.astype(np.float32, copy=False))
        if self.centred:
            values = values - self.decoder_bias
        before: Array = values @ self.encoder + self.encoder_bias
        if self.kind == "jumprelu" and self.threshold is not None:
            before[before <= self.threshold] = 0
        elif self.kind == "topk" and self.k < self.features:
            dropped = np.argpartition(before, self.features - self.k, axis=1)[:, : self.features - self.k]
            np.put_along_axis(before, dropped, 0, axis=1)
        result: Array = np.maximum(before, 0, out=before)
        return result

    def decode(self, active: Array) -> Array:
        """The activations that features stand for, before any norm is undone; see `reconstruct`."""
        result: Array = active @ self.decoder + self.decoder_bias
        return result

    def reconstruct(self, hidden: Array) -> Array:
        """What is left of activations when only their features are kept, [tokens, width]."""
        _, mean, scale = self._normed(hidden.astype(np.float32, copy=False))
        result: Array = self.decode(self.encode(hidden)) * scale + mean
        return result

    def direction(self, feature: int) -> Array:
        """What one unit of a feature writes, [width]. Raises CordeliaError for a feature that there is not."""
        if not 0 <= feature < self.features:
            raise CordeliaError(f"There is no feature {feature}: this autoencoder has 0 to {self.features - 1}.")
        result: Array = self.decoder[feature]
        return result

    def _normed(self, hidden: Array) -> tuple[Array, Array, Array]:
        """Activations as the encoder wants them, and what undoes it: n⁻¹(y) = y × scale + mean."""
        zero, one = np.zeros((len(hidden), 1), np.float32), np.ones((len(hidden), 1), np.float32)
        if self.norm == "none":
            return hidden, zero, one
        mean = hidden.mean(axis=1, keepdims=True)
        if self.norm == "mean":
            return hidden - mean, mean, one
        if self.norm == "layer_norm":
            scale = hidden.std(axis=1, ddof=1, keepdims=True) + _EPSILON
            return (hidden - mean) / scale, mean, scale
        scale = np.linalg.norm(hidden, axis=1, keepdims=True) / np.float32(self.width**0.5) + _EPSILON
        return hidden / scale, zero, scale
