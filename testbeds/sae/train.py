"""Train an autoencoder on stored residuals: TopK or BatchTopK, with what is silent revived.

Activations are scaled so that their mean square length is the width, and the scale is folded into the weights at the
end. The reconstruction's squared error is the loss, beside a small one in which features that have been silent for long
explain what the others left over (Gao et al. 2024, appendix A.2). Decoder rows have length 1.

The order of tokens depends on seed and epoch alone, and a checkpoint holds everything else, so a run that was killed
ends with the same numbers as one that was not.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from cordelia.contracts.errors import CordeliaError, MissingExtraError
from cordelia.testbeds.sae.arrays import read_arrays, write_arrays
from cordelia.testbeds.sae.recipe import SaeRecipe
from cordelia.testbeds.sae.sae import Sae
from cordelia.testbeds.sae.sinks import SinkRule
from cordelia.testbeds.sae.store import Rows
from cordelia.testbeds.vectors import Array

BETAS = (0.9, 0.999)
FALL = 0.2
"""Share of the steps over which the learning rate falls to 0."""
THRESHOLD_MEMORY = 0.99
SCALE_SAMPLE = 8_192
_console = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Source:
    """Where residuals come from: the model's hub id, the block, and which tokens are not among them."""

    model: str
    block: int
    sinks: SinkRule | None = None


def fit(rows: Rows, recipe: SaeRecipe, source: Source, work: Path, stop_after: int | None = None) -> Sae:
    """Train an autoencoder.

    Args:
        rows: the residuals to train on.
        recipe: how.
        source: what they are the residuals of.
        work: folder for checkpoints; a run with the same one goes on.
        stop_after: give up after that step, as a kill would; for tests of resuming.

    Raises:
        CordeliaError: there are too few tokens, or k is larger than the number of features.
        MissingExtraError: torch is not installed.
    """
    if recipe.k > recipe.features:
        raise CordeliaError(f"k ({recipe.k}) must not be larger than the number of features ({recipe.features}).")
    if len(rows) < recipe.batch:
        raise CordeliaError(
            f"There are {len(rows):,} tokens and a step takes {recipe.batch:,}. Give more text or a smaller batch."
        )
    work.mkdir(parents=True, exist_ok=True)
    learner = Learner(rows, recipe)
    learner.resume(work)
    with Progress(console=_console, transient=True) as progress:
        task = progress.add_task("Training", total=learner.steps, completed=learner.step)
        while learner.step < learner.steps:
            learner.learn()
            progress.advance(task)
            if learner.step % recipe.save_every == 0 or learner.step == stop_after:
                learner.save(work)
            if learner.step == stop_after:
                break
    return learner.sae(source)


class Learner:
    """Weights, the optimiser's moments, and where in the data it is."""

    def __init__(self, rows: Rows, recipe: SaeRecipe) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("Training an autoencoder", "local", "torch") from error
        self.rows, self.recipe = rows, recipe
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.steps_an_epoch = len(rows) // recipe.batch
        self.steps = self.steps_an_epoch * recipe.epochs
        self.step = 0
        rng = np.random.default_rng(recipe.seed)
        sample = rows.take(np.sort(rng.choice(len(rows), min(SCALE_SAMPLE, len(rows)), replace=False)))
        self.scale = float(np.sqrt(rows.width / (sample**2).sum(axis=1).mean()))
        decoder = rng.standard_normal((recipe.features, rows.width)).astype(np.float32)
        decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
        start: dict[str, Array] = {
            "encoder": np.ascontiguousarray(decoder.T),
            "encoder_bias": np.zeros(recipe.features, np.float32),
            "decoder": decoder,
            "decoder_bias": sample.mean(axis=0) * np.float32(self.scale),
        }
        self.weights: dict[str, Any] = {name: self._tensor(value).requires_grad_() for name, value in start.items()}
        self.optimiser: Any = torch.optim.Adam(list(self.weights.values()), lr=recipe.learning_rate, betas=BETAS)
        self.silent: Any = torch.zeros(recipe.features, device=self.device)
        self.threshold = 0.0
        self._epoch, self._order = -1, np.zeros(0, dtype=np.int64)

    def learn(self) -> float:
        """One step; returns the share of the batch's variance that was not explained."""
        import torch

        batch = self._tensor(self._batch()) * self.scale
        before = self._before(batch)
        active = self._kept(before)
        rebuilt = active @ self.weights["decoder"] + self.weights["decoder_bias"]
        error = batch - rebuilt
        total = (batch - batch.mean(dim=0)).pow(2).mean()
        loss = error.pow(2).mean() / total
        unexplained = float(loss.detach())
        with torch.no_grad():
            fired = (active > 0).any(dim=0)
            self.silent = torch.where(fired, torch.zeros_like(self.silent), self.silent + len(batch))
        loss = loss + self._revival(before, error.detach())
        self.optimiser.param_groups[0]["lr"] = self._rate()
        self.optimiser.zero_grad()
        loss.backward()
        self._keep_lengths()
        self.optimiser.step()
        with torch.no_grad():
            decoder = self.weights["decoder"]
            decoder /= decoder.norm(dim=1, keepdim=True).clamp(min=1e-8)
        self.step += 1
        return unexplained

    def sae(self, source: Source) -> Sae:
        """What has been learned, for activations as the model has them."""
        found = {name: value.detach().cpu().numpy().astype(np.float32) for name, value in self.weights.items()}
        scale = np.float32(self.scale)
        batched = self.recipe.kind == "batchtopk"
        return Sae(
            model=source.model,
            block=source.block,
            kind="jumprelu" if batched else "topk",
            encoder=found["encoder"] * scale,
            encoder_bias=found["encoder_bias"],
            decoder=found["decoder"] / scale,
            decoder_bias=found["decoder_bias"] / scale,
            k=0 if batched else self.recipe.k,
            threshold=np.full(self.recipe.features, self.threshold, np.float32) if batched else None,
            sinks=source.sinks,
        )

    def save(self, work: Path) -> None:
        """Write a checkpoint. The state is written last and names its tensors' file, so it marks a whole one."""
        tensors = {name: value.detach().cpu().numpy() for name, value in self.weights.items()}
        tensors["silent"] = self.silent.cpu().numpy()
        for name, value in self.weights.items():
            for moment in ("exp_avg", "exp_avg_sq"):
                tensors[f"{name}.{moment}"] = self.optimiser.state[value][moment].cpu().numpy()
        file = work / f"step-{self.step}.safetensors"
        write_arrays(tensors, file, np.float32)
        state = {"step": self.step, "threshold": self.threshold}
        part = work / "state.part"
        part.write_text(json.dumps(state), encoding="utf-8")
        part.replace(work / "state.json")
        for old in work.glob("step-*.safetensors"):
            if old != file:
                old.unlink()

    def resume(self, work: Path) -> None:
        """Go on from the checkpoint in `work`, if there is one."""
        import torch

        mark = work / "state.json"
        if not mark.is_file():
            return
        state = json.loads(mark.read_text(encoding="utf-8"))
        self.step, self.threshold = int(state["step"]), float(state["threshold"])
        tensors = read_arrays(work / f"step-{self.step}.safetensors")
        with torch.no_grad():
            for name, value in self.weights.items():
                value.copy_(self._tensor(tensors[name]))
                self.optimiser.state[value] = {
                    "step": torch.tensor(float(self.step)),
                    "exp_avg": self._tensor(tensors[f"{name}.exp_avg"]),
                    "exp_avg_sq": self._tensor(tensors[f"{name}.exp_avg_sq"]),
                }
        self.silent = self._tensor(tensors["silent"])

    def _tensor(self, values: Array) -> Any:
        import torch

        return torch.from_numpy(np.array(values, dtype=np.float32)).to(self.device)

    def _batch(self) -> Array:
        epoch, place = divmod(self.step, self.steps_an_epoch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = np.random.default_rng((self.recipe.seed, epoch)).permutation(len(self.rows))
        chosen = np.sort(self._order[place * self.recipe.batch : (place + 1) * self.recipe.batch])
        return self.rows.take(chosen)

    def _before(self, batch: Any) -> Any:
        return (batch - self.weights["decoder_bias"]) @ self.weights["encoder"] + self.weights["encoder_bias"]

    def _kept(self, before: Any) -> Any:
        """The k largest of each token, or of the batch on average; the rest is 0."""
        import torch

        positive = before.relu()
        if self.recipe.kind == "topk":
            best = positive.topk(self.recipe.k, dim=1)
            return torch.zeros_like(positive).scatter(1, best.indices, best.values)
        smallest = positive.detach().flatten().topk(self.recipe.k * len(before)).values[-1]
        new = float(smallest)
        self.threshold = new if not self.step else self.threshold * THRESHOLD_MEMORY + new * (1 - THRESHOLD_MEMORY)
        return torch.where(positive >= smallest.clamp(min=1e-12), positive, torch.zeros_like(positive))

    def _revival(self, before: Any, error: Any) -> Any:
        """How badly the silent features explain what is left over, weighted."""
        silent = (self.silent > self.recipe.dead_after).nonzero().flatten()
        if not self.recipe.revive or not len(silent):
            return 0.0
        count = min(len(silent), before.shape[1] // 2, error.shape[1] // 2)
        best = before[:, silent].topk(count, dim=1)
        chosen = before.new_zeros((len(before), len(silent))).scatter(1, best.indices, best.values)
        left = error - chosen @ self.weights["decoder"][silent]
        return self.recipe.revive * left.pow(2).mean() / error.pow(2).mean().clamp(min=1e-8)

    def _rate(self) -> float:
        """The learning rate of this step: a linear warm-up, a plateau, a linear fall."""
        rise = min(1.0, (self.step + 1) / max(self.recipe.warmup, 1))
        fall = min(1.0, (self.steps - self.step) / max(self.steps * FALL, 1))
        return self.recipe.learning_rate * min(rise, fall)

    def _keep_lengths(self) -> None:
        """Take out of the decoder's gradient what would only make rows longer or shorter."""
        decoder = self.weights["decoder"]
        grown = (decoder.grad * decoder.detach()).sum(dim=1, keepdim=True)
        decoder.grad -= grown * decoder.detach()
