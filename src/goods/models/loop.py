"""The training loop of the neural families, with lightning.

AdamW, linear warm-up then cosine per step, clipping, label smoothing, EMA, early stopping on the inner split
with the best weights restored, resume after a kill.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator
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
from goods.models.neural import Network, Rows, batches


class Learner(L.LightningModule):
    """A Network with its loss and optimiser."""

    def __init__(self, net: Network, config: TrainerConfig, steps: int, seed: int) -> None:
        super().__init__()
        self.net, self.config, self.steps, self.seed = net, config, steps, seed
        self.valid_sum = self.valid_rows = 0.0

    def configure_optimizers(self) -> Any:
        config, slow = self.config, set(self.net.pretrained())
        groups: dict[tuple[bool, bool], list[torch.nn.Parameter]] = {}
        for parameter in self.net.parameters():
            if parameter.requires_grad:
                # norms and biases are not decayed
                groups.setdefault((parameter in slow, parameter.ndim > 1), []).append(parameter)
        grouped = [
            {
                "params": parameters,
                "lr": (config.encoder_lr or config.lr) if is_slow else config.lr,
                "weight_decay": config.weight_decay if decayed else 0.0,
            }
            for (is_slow, decayed), parameters in groups.items()
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
        logits = self.net(batch).float()
        loss = F.cross_entropy(logits, batch["target"], label_smoothing=self.config.label_smoothing)
        self.log("train/loss", loss, prog_bar=True, batch_size=len(batch["target"]))
        return loss

    def on_validation_epoch_start(self) -> None:
        self.valid_sum = self.valid_rows = 0.0

    def validation_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> None:
        loss = F.cross_entropy(self.net(batch).float(), batch["target"], reduction="sum")
        self.valid_sum += float(loss)
        self.valid_rows += len(batch["target"])
        self.log("valid/loss", loss / len(batch["target"]), prog_bar=True, batch_size=len(batch["target"]))


class BestWeights(Callback):
    """Keeps the weights with the lowest loss on the inner split and stops after `patience` worse epochs."""

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.loss, self.epoch, self.worse = math.inf, -1, 0
        self.weights: dict[str, torch.Tensor] = {}

    def state_dict(self) -> dict[str, Any]:
        return {"loss": self.loss, "epoch": self.epoch, "worse": self.worse, "weights": self.weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.loss, self.epoch = state_dict["loss"], state_dict["epoch"]
        self.worse, self.weights = state_dict["worse"], state_dict["weights"]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.should_stop = self.worse >= self.patience  # killed between the last epoch and the end

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        assert isinstance(pl_module, Learner)
        loss = pl_module.valid_sum / max(1.0, pl_module.valid_rows)
        if loss < self.loss or not self.weights:
            self.loss, self.epoch, self.worse = loss, trainer.current_epoch, 0
            self.weights = {k: v.detach().cpu().clone() for k, v in pl_module.net.state_dict().items()}
        else:
            self.worse += 1
            trainer.should_stop = trainer.should_stop or self.worse >= self.patience


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
) -> None:
    """Train `net` in place; `key` names what is trained, so that only its own checkpoint is gone on from."""
    loader = batches(train, config.batch_size, context.seed)
    learner = Learner(net, config, config.epochs * len(loader), context.seed)
    checkpoint = scratch / f"training-{key}.ckpt"
    callbacks: list[Callback] = []
    best = BestWeights(config.patience) if valid is not None else None
    if best is not None:
        callbacks.append(best)  # before the averaging, which takes the averaged weights out again
    if config.ema is not None:
        callbacks.append(EMAWeightAveraging(decay=config.ema, use_buffers=False))
    if context.progress:
        callbacks.append(TQDMProgressBar(refresh_rate=max(1, len(loader) // 20)))
    callbacks.append(EpochCheckpoint(checkpoint))
    on_gpu = context.device.startswith("cuda")
    with quiet():
        trainer = L.Trainer(
            accelerator="gpu" if on_gpu else "cpu",
            devices=[torch.device(context.device).index or 0] if on_gpu else 1,
            precision=precision_for(config.precision, context.device),  # type: ignore[arg-type]
            max_epochs=config.epochs,
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
        net.load_state_dict(best.weights)
    net.cpu() if not on_gpu else net.to(context.device)
    checkpoint.unlink(missing_ok=True)
