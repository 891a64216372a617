"""A network with its loss and optimiser, as lightning wants it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional as F

from goods.config.trainer import TrainerConfig
from goods.models.adamw import AdamW
from goods.models.lightning_parts import L
from goods.models.network import Network
from goods.models.ranks import ALONE, Rank
from goods.models.tables import Table

if TYPE_CHECKING:
    from goods.models.row_adamw import RowAdamW

LOGGED = 20  # steps from one loss that is written to the next


class Learner(L.LightningModule):
    """A Network with its loss and optimiser."""

    def __init__(
        self, net: Network, config: TrainerConfig, steps: int, seed: int, rank: Rank = ALONE
    ) -> None:
        super().__init__()
        self.net, self.config, self.steps, self.seed, self.rank = net, config, steps, seed, rank
        self.valid_sum = self.valid_rows = 0.0
        self.epoch_steps = 0
        self.finite_steps = torch.zeros(())  # of this epoch's, those whose loss is a number
        self.by_rows: RowAdamW | None = None

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
        # fused is twice as fast on a CPU; in 16 bits lightning cannot clip with it
        fused = self.device.type == "cpu" and config.precision in ("auto", "32-true")
        tables = [part for part in self.net.modules() if isinstance(part, Table)]
        optimizer: torch.optim.Optimizer
        if tables and fused and config.ema is None and self.rank.of == 1:
            from goods.models.row_adamw import RowAdamW  # numba takes half a second to import

            optimizer = self.by_rows = RowAdamW(grouped, tables, lr=config.lr, fused=fused)
        else:
            kind = AdamW if self.device.type == "cpu" else torch.optim.AdamW
            optimizer = kind(grouped, lr=config.lr, fused=fused)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.share_of_lr)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def share_of_lr(self, step: int) -> float:
        warmup = max(1, round(self.steps * self.config.warmup_share))
        if step < warmup:
            return (step + 1) / warmup
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, self.steps - warmup))))

    def on_train_epoch_start(self) -> None:
        self.epoch_steps, self.finite_steps = 0, torch.zeros((), device=self.device)

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        # dropout and augmentation do not depend on what ran before: a resumed fit sees the same
        batch_number = batch_idx * self.rank.of + self.rank.number
        self.begin_with((self.seed * 1_000_003 + self.current_epoch) * 1_000_003 + batch_number)
        loss = self.net.loss(batch, self.config)
        self.epoch_steps += 1
        self.finite_steps += loss.detach().isfinite()  # a sum on the device: asked for once an epoch
        if (self.trainer.global_step + 1) % LOGGED == 0:  # lightning writes no others
            self.log("train/loss", loss, batch_size=len(batch["target"]))
        return loss

    def configure_gradient_clipping(
        self,
        optimizer: Any,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        if self.by_rows is not None:
            self.by_rows.clip(self.config.clip)
        else:
            super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        if self.by_rows is not None and self.trainer.is_last_batch:
            self.by_rows.catch_up()  # weights are judged and kept

    def on_fit_end(self) -> None:  # also where a kill has left nothing to train
        if self.by_rows is not None:
            self.by_rows.let_go()

    def begin_with(self, seed: int) -> None:
        """Random numbers of the device from `seed` on: torch's own `manual_seed` keeps a trace of the caller for each
        kind of device that is not in use yet."""
        if self.device.type == "cpu":
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def on_validation_epoch_start(self) -> None:
        self.valid_sum = self.valid_rows = 0.0

    def validation_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> None:
        loss = F.cross_entropy(self.net(batch).float(), batch["target"], reduction="sum")
        self.valid_sum += float(loss)
        self.valid_rows += len(batch["target"])
        self.log("valid/loss", loss / len(batch["target"]), batch_size=len(batch["target"]))

    def valid_loss(self) -> float:
        """Mean over the inner split, which every rank has seen whole."""
        return self.rank.first_says(self.valid_sum / max(1.0, self.valid_rows), self.device)

    def diverged(self) -> bool:
        """Whether the epoch had no step with a finite loss, or left weights that are not finite.

        A single step may have none in 16 bits: its update is skipped there.
        """
        if self.epoch_steps and not self.rank.sum_of_all(self.finite_steps):
            return True
        return not torch.stack([p.detach().isfinite().all() for p in self.net.parameters()]).all()
