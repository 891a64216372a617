"""The training loop of the neural families, with lightning.

AdamW, linear warm-up then cosine per step, clipping, label smoothing, EMA, early stopping on the inner split
with the best weights restored, resume after a kill.
"""

from __future__ import annotations

import bisect
import logging
import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch.nn import functional as F

from goods.artifacts import atomic
from goods.config import TrainerConfig
from goods.models.base import Context
from goods.models.neural import Network, Rows, batches, run_network

MOST_WORKERS = 4  # processes that cut batches for one GPU


class Learner(L.LightningModule):
    """A Network with its loss and optimiser."""

    def __init__(self, net: Network, config: TrainerConfig, steps: int, seed: int) -> None:
        super().__init__()
        self.net, self.config, self.steps, self.seed = net, config, steps, seed
        self.valid_sum = self.valid_rows = 0.0

    def configure_optimizers(self) -> Any:
        config = self.config
        encoder_lr = config.encoder_lr or config.lr
        rate = {
            id(parameter): encoder_lr * config.layer_decay**depth
            for depth, layer in enumerate(self.net.pretrained())
            for parameter in layer
        }
        groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
        for parameter in self.net.parameters():
            if parameter.requires_grad:
                # norms and biases are not decayed
                key = (rate.get(id(parameter), config.lr), parameter.ndim > 1)
                groups.setdefault(key, []).append(parameter)
        grouped = [
            {"params": parameters, "lr": lr, "weight_decay": config.weight_decay if decayed else 0.0}
            for (lr, decayed), parameters in groups.items()
        ]
        # fused is twice as fast on a CPU; on GPUs lightning cannot clip with it in 16-bit
        optimizer = torch.optim.AdamW(grouped, lr=config.lr, fused=self.device.type == "cpu")
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.share_of_lr)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def share_of_lr(self, step: int) -> float:
        warmup = max(1, round(self.steps * self.config.warmup_share))
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, self.steps - warmup))))

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        # dropout and augmentation do not depend on what ran before: a resumed fit sees the same
        torch.manual_seed((self.seed * 1_000_003 + self.current_epoch) * 1_000_003 + batch_idx)
        loss = self.net.loss(batch, self.config)
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch["target"]))
        return loss

    def on_validation_epoch_start(self) -> None:
        self.valid_sum = self.valid_rows = 0.0

    def validation_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> None:
        loss = F.cross_entropy(self.net(batch).float(), batch["target"], reduction="sum")
        self.valid_sum += float(loss)
        self.valid_rows += len(batch["target"])
        self.log("valid/loss", loss / len(batch["target"]), prog_bar=True, batch_size=len(batch["target"]))


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


def precision_for(setting: str, device: str) -> str:
    if setting != "auto":
        return setting
    if not device.startswith("cuda"):
        return "32-true"  # bf16 halves the speed of common CPUs
    return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "16-mixed"


@contextmanager
def quiet() -> Iterator[None]:
    """Without lightning's banners and advice."""
    loggers = [logging.getLogger(n) for n in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def train_network(
    net: Network,
    train: Rows,
    valid: Rows | None,
    config: TrainerConfig,
    context: Context,
    scratch: Path,
    key: str,
) -> int:
    """Train `net` in place; `key` names what is trained, so that only its own checkpoint is gone on from.

    Returns how many epochs the weights have seen: those of the best one where there is an inner split.
    """
    on_gpu = context.device.startswith("cuda")
    net.train()  # pre-trained encoders come in the other mode, without dropout, and lightning leaves them there
    # a GPU should not wait for batches; on a CPU the cores are busy with the network
    workers = min(MOST_WORKERS, context.threads - 1) if on_gpu else 0
    loader = batches(train, config.batch_size, context.seed, config.class_balance, workers)
    epochs = config.epochs
    if config.max_steps is not None:
        epochs = min(epochs, max(1, round(config.max_steps / len(loader))))
    learner = Learner(net, config, epochs * len(loader), context.seed)
    checkpoint = scratch / f"training-{key}.ckpt"
    callbacks: list[Callback] = []
    best = BestWeights(config.patience, config.soup) if valid is not None else None
    if best is not None:
        callbacks.append(best)  # before the averaging, which takes the averaged weights out again
    if config.ema is not None:
        callbacks.append(EMAWeightAveraging(decay=config.ema, use_buffers=False))
    if context.progress:
        callbacks.append(TQDMProgressBar(refresh_rate=max(1, len(loader) // 20)))
    callbacks.append(EpochCheckpoint(checkpoint))
    with quiet():
        trainer = L.Trainer(
            accelerator="gpu" if on_gpu else "cpu",
            devices=[torch.device(context.device).index or 0] if on_gpu else 1,
            precision=precision_for(config.precision, context.device),  # type: ignore[arg-type]
            max_epochs=min(epochs, config.stop_after or epochs),
            callbacks=callbacks,
            logger=TensorBoardLogger(scratch, name="", version="logs"),
            gradient_clip_val=config.clip,
            log_every_n_steps=20,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=context.progress,
            num_sanity_val_steps=0,
            limit_val_batches=0 if valid is None else 1.0,
        )
        trainer.fit(
            learner,
            loader,
            None if valid is None else batches(valid, 4 * config.batch_size),
            ckpt_path=checkpoint if checkpoint.is_file() else None,
            weights_only=True,
        )
    if best is not None and best.weights:
        assert valid is not None

        def inner_loss(weights: Weights) -> float:
            net.load_state_dict(weights)
            logits = torch.from_numpy(run_network(net, valid, context, 4 * config.batch_size))
            return float(F.cross_entropy(logits, torch.from_numpy(valid.target)))

        net.load_state_dict(
            best.weights[0] if len(best.weights) == 1 else greedy_soup(best.weights, inner_loss)
        )
    net.cpu() if not on_gpu else net.to(context.device)
    checkpoint.unlink(missing_ok=True)
    return trainer.current_epoch if best is None else best.best_epoch
