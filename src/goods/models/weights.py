"""Which weights of a training are kept: the best epochs, their soup, a checkpoint to go on from."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback

from goods.core.artifacts import atomic
from goods.models.learner import Learner

Weights = dict[str, torch.Tensor]


class BestWeights(Callback):
    """Keeps the `keep` epochs with the lowest loss on the inner split; stops after `patience` worse epochs."""

    def __init__(self, patience: int, keep: int = 1) -> None:
        self.patience, self.keep, self.worse = patience, keep, 0
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
        loss = pl_module.valid_sum / max(1.0, pl_module.valid_rows)
        place = bisect.bisect_right(self.losses, loss)
        self.worse = 0 if place == 0 else self.worse + 1
        self.best_epoch = trainer.current_epoch + 1 if place == 0 else self.best_epoch
        if place < self.keep:
            state = pl_module.net.state_dict()
            self.losses.insert(place, loss)
            self.weights.insert(place, {k: v.detach().cpu().clone() for k, v in state.items()})
            del self.losses[self.keep :], self.weights[self.keep :]
        trainer.should_stop = trainer.should_stop or self.worse >= self.patience


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


class EpochCheckpoint(Callback):
    """One checkpoint, replaced whole after every epoch."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        with atomic(self.path) as temporary:
            trainer.save_checkpoint(temporary)
