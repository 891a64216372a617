"""How a neural family is trained."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from goods.config.base import Strict


class TrainerConfig(Strict):
    """How a neural family is trained; shared by all of them."""

    epochs: int = Field(20, ge=1)
    max_steps: int | None = Field(None, ge=1, description="batches at most: fewer epochs of many cards")
    batch_size: int = Field(128, ge=1)
    accumulate: int = Field(
        1, ge=1, description="batches per step, where a larger one does not fit into memory"
    )
    devices: int = Field(
        1,
        ge=1,
        description="GPUs (processes on a CPU) that train a fold together, each on batches of its own",
    )
    max_batches: int | None = Field(
        None,
        ge=1,
        description="batches of an epoch at most: those of many cards are larger, lr grows with them",
    )
    lr: float = Field(1e-3, gt=0)
    encoder_lr: float | None = Field(None, gt=0, description="learning rate of pre-trained weights")
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="encoder_lr's factor per layer, from the top down"
    )
    weight_decay: float = Field(0.01, ge=0)
    warmup_share: float = Field(0.1, ge=0, lt=1)
    clip: float = Field(1.0, gt=0)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    rdrop: float = Field(0.0, ge=0, description="weight of R-Drop: two dropout masks must agree")
    ema: float | None = Field(
        None, gt=0, lt=1, description="share of the weights' moving average that a step keeps, at most"
    )
    soup: int = Field(1, ge=1, description="best epochs averaged while the inner split gains (greedy soup)")
    class_balance: float = Field(
        0.0, ge=0, le=1, description="cards are drawn with count(class) ** -this; 0: each once an epoch"
    )
    patience: int = Field(3, ge=1)
    stop_after: int | None = Field(
        None, ge=1, description="epochs trained, though rates fall over `epochs`; a refit sets it"
    )
    precision: Literal["auto", "32-true", "16-mixed", "bf16-mixed"] = "auto"

    def epochs_of(self, n: int) -> int:
        """Epochs of `n` cards that `max_steps` leaves."""
        if self.max_steps is None:
            return self.epochs
        steps = -(-n // (self.for_cards(n).batch_size * self.devices))
        return min(self.epochs, max(1, round(self.max_steps / steps)))

    def for_cards(self, n: int) -> TrainerConfig:
        """With the batch size that cuts `n` cards into `max_batches`, and rates larger by the root of what a
        step's cards grew by, on all `devices`, as AdamW wants them (Malladi et al. 2022, arXiv 2205.10287)."""
        size = max(self.batch_size, -(-n // (self.max_batches or n or 1)))
        faster = math.sqrt(size * self.devices / self.batch_size)
        encoder_lr = None if self.encoder_lr is None else self.encoder_lr * faster
        return self.model_copy(
            update={"batch_size": size, "lr": self.lr * faster, "encoder_lr": encoder_lr, "max_batches": None}
        )
