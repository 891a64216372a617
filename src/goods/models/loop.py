"""The training loop of the neural families, with lightning.

AdamW, linear warm-up then cosine per step, clipping, label smoothing, EMA, early stopping on the inner split
with the best weights restored, resume after a kill.
"""

from __future__ import annotations

import copy
import logging
import re
import shutil
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader

from goods.config.trainer import TrainerConfig
from goods.core.done import LOGS
from goods.core.log import say
from goods.models.base import Context
from goods.models.batchbar import BatchBar
from goods.models.devices import on_devices
from goods.models.inference import cannot_repeat, repeatable, run_network
from goods.models.learner import LOGGED, Learner
from goods.models.lightning_parts import Callback, DDPStrategy, L, LightningEnvironment, TensorBoardLogger
from goods.models.network import Network, Weights, cpu_weights
from goods.models.ranks import ALONE, Rank
from goods.models.rows import BatchOrder, Rows, batches
from goods.models.training import DivergenceCheck, Training
from goods.models.weights import BestWeights, EpochCheckpoint, MovingAverage, greedy_soup, left_by_a_kill

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


@contextmanager
def stopping_as_python_does() -> Iterator[None]:
    """Lightning makes exit code 1 of Ctrl-C, and has any later one ignored."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as stop:
        if not isinstance(stop.__context__, KeyboardInterrupt):
            raise
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)
        raise KeyboardInterrupt from None


def train_network(
    net: Network,
    train: Rows,
    valid: Rows | None,
    config: TrainerConfig,
    context: Context,
    scratch: Path,
    training: Training,
) -> int:
    """Train `net` in place, going on from the checkpoint of `training` where a kill has left one.

    Returns how many epochs the weights have seen: those of the best one where there is an inner split. GoodsError
    where the loss is not finite before any weights are worth keeping.
    """
    net.train()  # pre-trained encoders come in the other mode, without dropout, and lightning leaves them there
    given = train, valid, config.for_cards(len(train.target)), scratch, training
    if config.devices > 1:
        left_by_a_kill(checkpoint_of(scratch, training))  # a damaged one is removed once, not by each process
        return on_devices(fit, net, given, context, config.devices)
    if not on_gpu(context):
        return fit(net, *given, context)
    start = copy.deepcopy(cpu_weights(net))
    try:
        with repeatable(strict=True):
            return fit(net, *given, context)
    except RuntimeError as error:
        operation = cannot_repeat(error)
        if operation is None:
            raise
        say(
            f"{training.family}: {operation} has no fixed order on a GPU: another training ends in other last digits"
        )
    net.load_state_dict(start)
    return fit(net, *given, context)


def checkpoint_of(scratch: Path, training: Training) -> Path:
    return scratch / f"training-{training.key}.ckpt"


def fit(
    net: Network,
    train: Rows,
    valid: Rows | None,
    config: TrainerConfig,
    scratch: Path,
    training: Training,
    context: Context,
    rank: Rank = ALONE,
) -> int:
    """`train_network` with the batch size as it is, or what one of several processes does of it: only rank 0's `net` is
    then the trained one."""
    workers = loader_workers(context)
    loader = batches(train, config.batch_size, context.seed, config.class_balance, workers, rank)
    checkpoint = checkpoint_of(scratch, training)
    epochs = config.epochs_of(len(train.target))
    learner = Learner(net, config, epochs * -(-len(loader) // config.accumulate), context.seed, rank)
    best = BestWeights(training, config.patience, config.soup) if valid is not None else None
    first = DivergenceCheck(training) if best is None else best
    resumed = left_by_a_kill(checkpoint)
    with quiet(), stopping_as_python_does():
        trainer = L.Trainer(
            max_epochs=min(epochs, config.stop_after or epochs),
            callbacks=callbacks_of(first, config, context, loader, checkpoint),
            logger=curves_of(context, scratch, training, anew=resumed is None and rank.number == 0),
            limit_val_batches=0 if valid is None else 1.0,
            **(trainer_settings(config, context) | devices_of(rank, context)),
        )
        trainer.fit(
            learner,
            loader,
            None if valid is None else batches(valid, 4 * config.batch_size),
            ckpt_path=resumed,
            weights_only=True,
        )
    if rank.number:
        return 0
    if best is not None and best.weights:
        assert valid is not None
        restore_best(net, best.weights, valid, context, 4 * config.batch_size)
    net.to(context.device if on_gpu(context) else "cpu")
    checkpoint.unlink(missing_ok=True)
    return trainer.current_epoch if best is None else best.best_epoch


def curves_of(context: Context, scratch: Path, training: Training, anew: bool) -> TensorBoardLogger:
    """Where losses and rates are logged: of each family and each of its trainings (such as transformer-mlm) by itself,
    rid of an earlier one's where it begins `anew`."""
    if context.curves is None:
        return TensorBoardLogger(scratch, name="", version=LOGS)
    of = training.settings.removeprefix("model.").removesuffix("trainer")
    name = re.sub(r"\W+", "-", f"{training.family} {of}").strip("-")
    if anew:
        shutil.rmtree(context.curves / name, ignore_errors=True)
    return TensorBoardLogger(context.curves, name="", version=name)


def on_gpu(context: Context) -> bool:
    return context.device.startswith("cuda")


def loader_workers(context: Context) -> int:
    """A GPU should not wait for batches; on a CPU the cores are busy with the network."""
    return min(MOST_WORKERS, context.threads - 1) if on_gpu(context) else 0


def callbacks_of(
    first: Callback, config: TrainerConfig, context: Context, loader: DataLoader, checkpoint: Path
) -> list[Callback]:
    """In the order they are called: `first` before the averaging, which takes the averaged weights out again."""
    callbacks = [first]
    if config.ema is not None:
        callbacks.append(MovingAverage(config.ema, context.device))
    if context.progress:
        callbacks.append(BatchBar(len(loader)))
    assert isinstance(loader.sampler, BatchOrder)
    return [*callbacks, EpochCheckpoint(checkpoint, loader.sampler)]


def trainer_settings(config: TrainerConfig, context: Context) -> dict[str, Any]:
    """What lightning is told of device, precision and output."""
    gpu = on_gpu(context)
    return {
        "accelerator": "gpu" if gpu else "cpu",
        "devices": [torch.device(context.device).index or 0] if gpu else 1,
        "precision": precision_for(config.precision, context.device),
        "gradient_clip_val": config.clip,
        "accumulate_grad_batches": config.accumulate,
        "log_every_n_steps": LOGGED,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "enable_progress_bar": False,
        "num_sanity_val_steps": 0,
    }


def devices_of(rank: Rank, context: Context) -> dict[str, Any]:
    """What lightning is told besides where several processes train. `BatchOrder` deals the batches itself, and encoders
    have weights that no loss asks for."""
    if rank.of == 1:
        return {}
    strategy = DDPStrategy(cluster_environment=LightningEnvironment(), find_unused_parameters=True)
    devices = list(range(rank.of)) if on_gpu(context) else rank.of
    return {"devices": devices, "strategy": strategy, "use_distributed_sampler": False}


def restore_best(net: Network, kept: list[Weights], valid: Rows, context: Context, batch_size: int) -> None:
    """The best weights back into `net`, or the soup of those kept."""

    def inner_loss(weights: Weights) -> float:
        net.load_state_dict(weights)
        logits = torch.from_numpy(run_network(net, valid, context, batch_size))
        return float(F.cross_entropy(logits, torch.from_numpy(valid.target)))

    net.load_state_dict(kept[0] if len(kept) == 1 else greedy_soup(kept, inner_loss))
