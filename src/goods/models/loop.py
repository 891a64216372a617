"""The training loop of the neural families, with lightning.

AdamW, linear warm-up then cosine per step, clipping, label smoothing, EMA, early stopping on the inner split
with the best weights restored, resume after a kill.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch.nn import functional as F

from goods.config.trainer import TrainerConfig
from goods.models.base import Context
from goods.models.inference import run_network
from goods.models.learner import Learner
from goods.models.network import Network
from goods.models.rows import Rows, batches
from goods.models.weights import BestWeights, EpochCheckpoint, Weights, greedy_soup

MOST_WORKERS = 4  # processes that cut batches for one GPU


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
