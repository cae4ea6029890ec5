"""How good an autoencoder is: on texts that it was not trained on, in numbers that others report too."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
from pydantic import Field

from cordelia.contracts.content import Content, parse, read_json
from cordelia.testbeds.sae.reader import Reader, zeros
from cordelia.testbeds.sae.sae import Sae
from cordelia.testbeds.sae.store import ROWS, Rows

FILE = "measured.json"
TEXTS_A_PASS = 8
MOST_LOSS_TOKENS = 8_000


class Measured(Content):
    """measured.json: one autoencoder's numbers. Losses are cross entropies in nats a token."""

    model: str
    block: int
    width: int
    features: int
    kind: str
    k: int
    text_tokens: int = Field(description="different tokens that it was trained on")
    epochs: int
    held_out_tokens: int
    left_out_tokens: int = Field(default=0, ge=0, description="attention sinks, in neither of both")
    longest: float | None = Field(default=None, description="times the median length that a token may have")
    explained_variance: float
    l0: float = Field(description="features active at a token")
    dead: float = Field(description="share of features never active in all of the text")
    loss_plain: float
    loss_reconstructed: float = Field(description="with the block's output replaced by the reconstruction")
    loss_zero: float = Field(description="with the block's output replaced by zeros")
    text_sha256: str
    seed: int

    @property
    def recovered(self) -> float:
        """The share of what a zero ablation costs that the reconstruction keeps."""
        return (self.loss_zero - self.loss_reconstructed) / (self.loss_zero - self.loss_plain)


def explained(sae: Sae, rows: Rows) -> tuple[float, float]:
    """The share of the variance that is explained, and the features active at a token."""
    parts = [slice(start, start + ROWS) for start in range(0, len(rows), ROWS)]
    mean = sum(rows.take(part).sum(axis=0, dtype=np.float64) for part in parts) / len(rows)
    left = total = active = 0.0
    for part in parts:
        hidden = rows.take(part)
        left += float(((hidden - sae.reconstruct(hidden)) ** 2).sum())
        total += float(((hidden - mean) ** 2).sum())
        active += float((sae.encode(hidden) > 0).sum())
    return 1 - left / total, active / len(rows)


def losses(reader: Reader, sae: Sae, texts: Sequence[Sequence[int]]) -> tuple[float, float, float]:
    """Cross entropy plain, with the reconstruction, and with zeros, over the first of the texts.

    Tokens that the autoencoder leaves out keep their activation in all three, as position 0 does.
    """
    chosen, tokens = [], 0
    for text in texts:
        if tokens < MOST_LOSS_TOKENS and len(text) > 2:
            chosen.append(text)
            tokens += len(text)
    found: list[list[float]] = [[], [], []]
    for start in range(0, len(chosen), TEXTS_A_PASS):
        batch = chosen[start : start + TEXTS_A_PASS]
        for kept, replace in zip(found, (None, sae.reconstruct, zeros), strict=True):
            kept.extend(reader.loss(batch, replace, sae.counts))
    return fmean(found[0]), fmean(found[1]), fmean(found[2])


def write_measured(measured: Measured, folder: Path) -> None:
    """Write measured.json, with numbers that are no longer than they are sure."""
    data = {key: round(value, 4) if isinstance(value, float) else value for key, value in measured.model_dump().items()}
    (folder / FILE).write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def read_measured(folder: Path) -> Measured:
    """The numbers of an autoencoder. Raises ContentError."""
    return parse(Measured, read_json(folder / FILE), folder / FILE)


def table(measured: Measured) -> str:
    """The numbers as a Markdown table."""
    left_out = {}
    if measured.longest:
        many = f"{measured.left_out_tokens:,} (over {measured.longest:g} × the median length)"
        left_out["attention sinks left out"] = many
    rows = {
        "model, block": f"{measured.model}, {measured.block}",
        "features": f"{measured.features:,} of a residual stream of width {measured.width}",
        "trained on": f"{measured.text_tokens:,} tokens, {measured.epochs} times",
        "measured on": f"{measured.held_out_tokens:,} tokens of other texts",
        **left_out,
        "explained variance": f"{measured.explained_variance:.1%}",
        "features active at a token": f"{measured.l0:.1f} ({measured.kind}, k = {measured.k})",
        "features never active": f"{measured.dead:.1%}",
        "cross entropy: plain": f"{measured.loss_plain:.2f} nats a token",
        "cross entropy: reconstructed": f"{measured.loss_reconstructed:.2f}",
        "cross entropy: zeros instead": f"{measured.loss_zero:.2f}",
        "loss recovered": f"{measured.recovered:.1%}",
    }
    return "\n".join(["| what | number |", "|---|---|", *(f"| {what} | {number} |" for what, number in rows.items())])
