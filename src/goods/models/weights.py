"""Which weights of a training are kept: the best epochs, their soup, a checkpoint to go on from."""

from __future__ import annotations

import bisect
import copy
import math
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from goods.core.artifacts import atomic
from goods.core.log import say
from goods.models.learner import Learner
from goods.models.lightning_parts import Callback, L, WeightAveraging
from goods.models.network import Weights, cpu_weights
from goods.models.rows import BatchOrder
from goods.models.training import Training

PARTS = {"state_dict", "optimizer_states", "lr_schedulers", "loops", "callbacks"}  # of a checkpoint


class BestWeights(Callback):
    """Keeps the `keep` epochs with the lowest loss on the inner split; stops after `patience` worse epochs.

    Stops at once where the loss is not finite: GoodsError if no epoch before had a finite one.
    """

    def __init__(self, training: Training, patience: int, keep: int = 1) -> None:
        self.training, self.patience, self.keep, self.worse = training, patience, keep, 0
        self.best_epoch = 0  # counted from 1
        self.losses: list[float] = []  # ascending
        self.weights: list[Weights] = []

    def state_dict(self) -> dict[str, Any]:
        kept = {"losses": self.losses, "weights": self.weights}
        return kept | {"worse": self.worse, "best_epoch": self.best_epoch}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.losses, self.weights = state_dict["losses"], state_dict["weights"]
        self.worse, self.best_epoch = state_dict["worse"], state_dict["best_epoch"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.should_stop = self.worse >= self.patience  # killed between the last epoch and the end

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        assert isinstance(pl_module, Learner)
        loss = pl_module.valid_loss()
        epoch = trainer.current_epoch + 1
        if not math.isfinite(loss) or pl_module.diverged():
            if not self.weights:
                raise self.training.diverged(epoch)
            say(
                f"{self.training.family}: the loss is not finite in epoch {epoch}: training ends with the weights of "
                f"epoch {self.best_epoch}"
            )
            self.worse = self.patience
        else:
            self._keep(pl_module, loss, epoch)
        trainer.should_stop = trainer.should_stop or self.worse >= self.patience

    def _keep(self, learner: Learner, loss: float, epoch: int) -> None:
        rank = bisect.bisect_right(self.losses, loss)
        self.worse = 0 if rank == 0 else self.worse + 1
        self.best_epoch = epoch if rank == 0 else self.best_epoch
        if rank < self.keep:
            self.losses.insert(rank, loss)
            # on a CPU the state is the network's own memory
            self.weights.insert(rank, copy.deepcopy(cpu_weights(learner.net)))
            del self.losses[self.keep :], self.weights[self.keep :]


class MovingAverage(WeightAveraging):
    """The weights' exponential moving average, whose memory grows with the training as far as `decay`: a mean of more
    steps than there were would be one of the weights before the first. It is kept on `device`, where the network is to
    be trained: lightning would keep it where the network is before that, and copy all weights there at every step."""

    def __init__(self, decay: float, device: str) -> None:
        super().__init__(torch.device(device), use_buffers=False, avg_fn=partial(moved, decay))


def moved(decay: float, average: torch.Tensor, weights: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """The average after another step; `steps` is how many are in it."""
    kept = ((1 + steps) / (10 + steps)).clamp(max=decay).to(average.dtype)
    return weights + kept * (average - weights)


def greedy_soup(candidates: list[Weights], loss: Callable[[Weights], float]) -> Weights:
    """Mean of the weights that lower `loss` when added in order (Wortsman et al. 2022, arXiv 2203.05482)."""
    best, lowest, taken = candidates[0], loss(candidates[0]), 1
    for candidate in candidates[1:]:
        mean = {
            # counters (of batch norms) are not averaged
            name: value + (candidate[name] - value) / (taken + 1) if value.is_floating_point() else value
            for name, value in best.items()
        }
        reached = loss(mean)
        if reached <= lowest:
            best, lowest, taken = mean, reached, taken + 1
    return best


def left_by_a_kill(checkpoint: Path) -> Path | None:
    """The checkpoint; None where there is none, or none that a training wrote whole: it is said and left out."""
    if not checkpoint.is_file():
        return None
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            whole = archive.testzip() is None  # torch itself does not look at the checksums
        state = torch.load(checkpoint, map_location="cpu", mmap=True, weights_only=True)
        whole = whole and not PARTS - state.keys()
    except Exception:  # whatever broken bytes, or code in place of weights, lead to
        whole = False
    if not whole:
        say(f"{checkpoint}: damaged, the training begins again")
        checkpoint.unlink()
    return checkpoint if whole else None


class EpochCheckpoint(Callback):
    """One checkpoint, replaced whole after every epoch. Gone on from, `order` begins with the epoch after it: lightning
    tells it so only when processes have already cut the first batches."""

    def __init__(self, path: Path, order: BatchOrder) -> None:
        self.path, self.order = path, order

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        self.order.set_epoch(checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if not trainer.is_global_zero:
            trainer.save_checkpoint(self.path)  # waits for rank 0, which alone writes
            return
        with atomic(self.path) as temporary:
            trainer.save_checkpoint(temporary)
