"""A fold of a network on a GPU: cards/s, share of the time that it waits for batches, memory, bytes twice the same.

    .venv/bin/python benchmarks/gpu.py configs/kazanexpress2023/transformer.yaml --work W [--plain] [--free]

`--plain` trains the same network by the Trainer of Hugging Face, which wants the package accelerate, on the same
tokens besides, `--free` without a fixed order of sums, `--twice` once more with it, `--cpu` on this machine's CPU.
The first epoch warms up and is not timed. What the experiment builds on is to be trained (train.py --fold 0). One
line of JSON a training.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import torch
import transformers
from sklearn.metrics import f1_score

from goods import cli
from goods.cards.table import select
from goods.config.experiment import ExperimentConfig
from goods.core.execution import Resources, cores
from goods.core.hashing import content_hash
from goods.core.workspace import Workspace
from goods.models import inference, loop
from goods.models.base import Context
from goods.models.inference import run_network, threads
from goods.models.lightning_parts import Callback, L
from goods.models.network import cpu_weights
from goods.models.neural import NeuralModel
from goods.models.rows import Rows
from goods.prepare.folds import load_folds
from goods.problems.kinds import problem_of
from goods.train.context import make_context


class Watch(Callback):
    """Seconds of the epochs after the first, and those between the end of a batch and the begin of the next."""

    def __init__(self) -> None:
        self.waited = self.seconds = 0.0
        self.cards = 0

    def told(self) -> dict[str, float]:
        """Nothing where nothing was timed."""
        if not self.seconds:
            return {}
        return {
            "cards_per_s": round(self.cards / self.seconds),
            "waits": round(self.waited / self.seconds, 4),
        }

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        until_done()
        self.since = self.ended = time.perf_counter()

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.current_epoch:
            self.waited += time.perf_counter() - self.ended
            self.cards += len(batch["target"])

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        self.ended = time.perf_counter()
        if trainer.is_last_batch and trainer.current_epoch:
            until_done()
            self.seconds += time.perf_counter() - self.since


@contextmanager
def watched() -> Iterator[Watch]:
    """Of the trainings within."""
    watch, plain_callbacks = Watch(), loop.callbacks_of
    with patch.object(loop, "callbacks_of", lambda *a: [*plain_callbacks(*a), watch]):
        yield watch


def until_done() -> None:
    """Kernels of a GPU are started and not waited for."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def main() -> None:
    parser = cli.parser(__doc__)
    cli.add_experiment(parser)
    parser.add_argument("--epochs", type=int, default=4)
    for flag in ("--plain", "--free", "--twice", "--cpu"):
        parser.add_argument(flag, action="store_true")
    args = parser.parse_args()
    ws, _, config = cli.experiment_of(args)
    trainer = config.model.trainer.model_copy(update={"epochs": args.epochs, "patience": args.epochs})
    config = config.model_copy(update={"model": config.model.model_copy(update={"trainer": trainer})})
    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    context = make_context(ws, config, Resources(device, min(8, cores())), None, False, fold=0)
    name = torch.cuda.get_device_name() if device != "cpu" else "no GPU"
    print(name, "torch", torch.__version__, config.name, flush=True)
    if not args.free:
        ours(ws, config, context, "in one order")
    if args.twice:
        ours(ws, config, context, "once more")
    if args.free:
        with patch.object(inference, "repeatable", free), patch.object(loop, "repeatable", free):
            ours(ws, config, context, "in any order")
    if args.cpu:
        # what was pretrained on the GPU is in the cache
        ours(ws, config, replace(context, device="cpu", cache=ws.cache / "cpu"), "on the CPU")
    if args.plain:
        plain(ws, config, context)


def free(strict: bool = False) -> Any:
    torch.use_deterministic_algorithms(False)
    return nullcontext()


def parts(ws: Workspace) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train rows outside fold 0 and in it."""
    rows = select(problem_of(ws).all_rows(ws), "train")
    fold = load_folds(ws, rows)
    return rows[fold != 0].reset_index(drop=True), rows[fold == 0].reset_index(drop=True)


def tell(**found: Any) -> None:
    if torch.cuda.is_available():
        found["peak_gb"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
    print(json.dumps(found), flush=True)


def ours(ws: Workspace, config: ExperimentConfig, context: Context, how: str) -> None:
    train, asked = parts(ws)
    model: NeuralModel = config.model.build(context)
    started = time.perf_counter()
    with watched() as before:
        model.warm(pd.concat([train, asked]))
    warmed = time.perf_counter()
    if context.device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    with watched() as watch:
        model.fit(train, None)
    fitted = time.perf_counter()
    said = model.predict(asked).argmax(1)
    done = time.perf_counter()
    pretrained = {f"pretraining_{name}": found for name, found in before.told().items()}
    tell(
        how=how,
        **pretrained,
        **watch.told(),
        weighted_f1=round(float(f1_score(asked.target, said, average="weighted")), 4),
        warm_s=round(warmed - started, 1),
        fit_s=round(fitted - warmed, 1),
        predicted_per_s=round(len(asked) / (done - fitted)),
        weights=content_hash(*(v.numpy() for v in cpu_weights(model.net).values())),  # type: ignore[arg-type]
    )


class Tokens(torch.utils.data.Dataset):
    """A card at a time, as users of Hugging Face's Trainer have it."""

    def __init__(self, rows: Rows) -> None:
        batches = [rows.batch(np.array([i])) for i in range(len(rows.target))]
        self.cards = [
            {"input_ids": b["tokens"][0].tolist(), "labels": int(t)}
            for b, t in zip(batches, rows.target, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.cards)

    def __getitem__(self, i: int) -> dict[str, Any]:
        return self.cards[i]


class Labelled(torch.nn.Module):
    """A network that is given its loss, as Hugging Face's Trainer wants it."""

    def __init__(self, net: torch.nn.Module, smoothing: float) -> None:
        super().__init__()
        self.net, self.smoothing = net, smoothing

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, labels: torch.Tensor) -> Any:
        logits = self.net({"tokens": input_ids, "mask": attention_mask.bool()})
        loss = torch.nn.functional.cross_entropy(logits.float(), labels, label_smoothing=self.smoothing)
        return {"loss": loss, "logits": logits}


class Epochs(transformers.TrainerCallback):
    def __init__(self) -> None:
        self.times: list[float] = []

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        until_done()
        self.times.append(time.perf_counter())

    on_train_end = on_epoch_begin


def plain(ws: Workspace, config: ExperimentConfig, context: Context) -> None:
    train, asked = parts(ws)
    model, how = config.model.build(context), config.model.trainer
    with threads(context):
        model.prepare(train)
        net, rows = model.build(), model.encode(train)
    torch.use_deterministic_algorithms(False)
    epochs, data = Epochs(), Tokens(rows)
    encoder = [p for layer in net.pretrained() for p in layer]
    inside = {id(p) for p in encoder}
    head = [p for p in net.parameters() if id(p) not in inside]
    groups = [{"params": encoder, "lr": how.encoder_lr}, {"params": head, "lr": how.lr}]
    steps = how.epochs * -(-len(data) // how.batch_size)
    optimizer = torch.optim.AdamW(groups, weight_decay=how.weight_decay)
    schedule = transformers.get_cosine_schedule_with_warmup(optimizer, int(how.warmup_share * steps), steps)
    arguments = transformers.TrainingArguments(
        ws.cache / "plain",
        num_train_epochs=how.epochs,
        per_device_train_batch_size=how.batch_size,
        bf16=True,
        use_cpu=not torch.cuda.is_available(),
        dataloader_num_workers=4,
        dataloader_persistent_workers=True,
        train_sampling_strategy="group_by_length",
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        logging_steps=1_000,
    )
    collate = transformers.DataCollatorWithPadding(model.encoder.tokenizer)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    transformers.Trainer(
        Labelled(net, how.label_smoothing),
        arguments,
        train_dataset=data,
        data_collator=collate,
        optimizers=(optimizer, schedule),
        callbacks=[epochs],
    ).train()
    said = run_network(net, model.encode(asked), context, model.predict_batch).argmax(1)
    tell(
        how="Hugging Face's Trainer",
        cards_per_s=round(len(data) * (how.epochs - 1) / (epochs.times[-1] - epochs.times[1])),
        weighted_f1=round(float(f1_score(asked.target, said, average="weighted")), 4),
        fit_s=round(epochs.times[-1] - epochs.times[0], 1),
    )


if __name__ == "__main__":
    cli.run(main)
