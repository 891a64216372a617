"""What is being trained, and what is said where its loss stops being a number."""

from __future__ import annotations

from dataclasses import dataclass

from goods.core.errors import GoodsError
from goods.models.learner import Learner
from goods.models.lightning_parts import Callback, L


@dataclass(frozen=True)
class Training:
    """`key` is of all that it depends on: only its own checkpoint is gone on from. `settings` are where its learning
    rate is set."""

    key: str
    family: str
    settings: str = "model.trainer"

    def diverged(self, epoch: int) -> GoodsError:
        """`epoch` is counted from 1."""
        return GoodsError(
            f"{self.family}: the loss is not finite in epoch {epoch}; "
            f"lower {self.settings}.lr or set {self.settings}.precision to 32-true"
        )


class DivergenceCheck(Callback):
    """Ends a training without an inner split once it diverges: no weights are kept that could be gone back to."""

    def __init__(self, training: Training) -> None:
        self.training = training

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        assert isinstance(pl_module, Learner)
        if pl_module.diverged():
            raise self.training.diverged(trainer.current_epoch + 1)
