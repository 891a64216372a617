"""How far the training of a network is: one bar over the batches of all its epochs."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from goods.core.progress import Bar, bar
from goods.models.lightning_parts import Callback, L


class BatchBar(Callback):
    """A training that goes on from a checkpoint has as many batches less."""

    def __init__(self, batches: int) -> None:
        """`batches`: of an epoch."""
        self.batches = batches
        self.opened = ExitStack()
        self.shown: Bar | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        epochs = (trainer.max_epochs or 0) - trainer.current_epoch
        self.shown = self.opened.enter_context(bar("network", epochs * self.batches, "batches"))

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        if self.shown is not None:
            self.shown.update()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.opened.close()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        self.opened.close()
