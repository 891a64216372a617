"""What every neural family shares: batches cut from pre-encoded cards, the loop, saving and loading.

writes: `context.scratch`/training-<key>.ckpt after every epoch (removed when a fit ends) and TensorBoard
logs below it. A fit that finds its checkpoint goes on from it and ends with the same weights as one that was
never stopped: batch order and random numbers of an epoch depend on seed and epoch alone.
"""

from __future__ import annotations

import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset, Sampler

from goods.artifacts import content_hash, read_json, write_json
from goods.config import TrainerConfig
from goods.errors import GoodsError
from goods.models.base import Context
from goods.models.calibration import fit_temperature, to_proba

POOL_BATCHES = 50  # batches that are sorted by length together


class Rows(Protocol):
    """Cards encoded once; a batch is cut by row numbers, nothing is collated card by card."""

    target: np.ndarray  # int64 [n], -1 where unknown
    lengths: np.ndarray | None  # int [n]: cards of like length share a batch

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]: ...


class Network(nn.Module, ABC):
    """A classifier over batches; `last` is its final linear layer."""

    last: nn.Linear

    @property
    def width(self) -> int:
        """d of `embed`"""
        return self.last.in_features

    @property
    def states_width(self) -> int:
        """d of `states`"""
        return self.width

    def states(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """float [b, t, d] parts of a card (tokens, patches) and bool [b, t] which of them are there."""
        whole = self.embed(batch).unsqueeze(1)
        return whole, torch.ones(whole.shape[:2], dtype=torch.bool, device=whole.device)

    @abstractmethod
    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """float [b, d]: what the last layer sees."""

    @abstractmethod
    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """float [b, C] logits."""

    def pretrained(self) -> list[list[nn.Parameter]]:
        """Parameters that get `encoder_lr`, layer by layer from the top (next to the head) down."""
        return []

    def loss(self, batch: dict[str, torch.Tensor], config: TrainerConfig) -> torch.Tensor:
        """Mean cross-entropy; with R-Drop (Liang et al. 2021, arXiv 2106.14448) of two passes that must agree."""
        logits = self(batch).float()
        loss = F.cross_entropy(logits, batch["target"], label_smoothing=config.label_smoothing)
        if not config.rdrop:
            return loss
        again = self(batch).float()
        loss = (loss + F.cross_entropy(again, batch["target"], label_smoothing=config.label_smoothing)) / 2
        first, second = logits.log_softmax(1), again.log_softmax(1)
        apart = F.kl_div(first, second, reduction="batchmean", log_target=True)
        apart = apart + F.kl_div(second, first, reduction="batchmean", log_target=True)
        return loss + config.rdrop * apart / 2


class Standardise(nn.Module):
    """(x − mean) / deviation of each column, from train vectors: pre-trained ones hardly differ in direction."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, width: int, vectors: np.ndarray | None = None) -> None:
        super().__init__()
        mean, scale = np.zeros(width, np.float32), np.ones(width, np.float32)
        if vectors is not None:
            mean, scale = vectors.mean(0), 1 / (vectors.std(0) + 1e-3)
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("scale", torch.from_numpy(scale))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - self.mean) * self.scale


def masked_mean(parts: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """[b, t, d] parts, bool [b, t] which are there → [b, d]; zeros where none is."""
    share = there.unsqueeze(2).to(parts.dtype)
    return (parts * share).sum(1) / share.sum(1).clamp_min(1)


def hidden_layers(width: int, hidden: int, dropout: float) -> nn.Sequential:
    """[b, width] → [b, hidden]: what every family has below its last layer."""
    return nn.Sequential(
        nn.LayerNorm(width),
        nn.Dropout(dropout),
        nn.Linear(width, hidden),
        nn.GELU(),
        nn.LayerNorm(hidden),
        nn.Dropout(dropout),
    )


def freeze_below(layers: list[list[nn.Parameter]], trained: int | None) -> None:
    """Leave only the `trained` top layers to the optimiser; None: all of them."""
    for layer in [] if trained is None else layers[trained:]:
        for parameter in layer:
            parameter.requires_grad_(False)


class VectorRows:
    """Vectors computed beforehand, float32 [n, d]."""

    lengths: np.ndarray | None = None

    def __init__(self, vectors: np.ndarray, target: np.ndarray) -> None:
        self.vectors, self.target = vectors, target

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        return {"vectors": torch.from_numpy(self.vectors[rows])}


class BatchDataset(Dataset):
    """Row numbers of a batch → the batch."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def __getitem__(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        return self.rows.batch(rows) | {"target": torch.from_numpy(self.rows.target[rows])}


class BatchOrder(Sampler):
    """Row numbers per batch, shuffled by (seed, epoch); `seed=None` keeps order of length.

    With `balance` > 0 an epoch is as many cards drawn with replacement, a card's chance being
    count(its class) ** -balance: at 1 every class is as frequent as any other.
    """

    def __init__(self, rows: Rows, batch_size: int, seed: int | None, balance: float = 0.0) -> None:
        self.n, self.lengths = len(rows.target), rows.lengths
        self.batch_size, self.seed, self.epoch = batch_size, seed, 0
        self.chance: np.ndarray | None = None
        if balance:
            weight = np.bincount(rows.target)[rows.target].astype(np.float64) ** -balance
            self.chance = weight / weight.sum()

    def set_epoch(self, epoch: int) -> None:  # called by lightning
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __iter__(self) -> Iterator[np.ndarray]:
        if self.seed is None:
            order = np.arange(self.n) if self.lengths is None else np.argsort(self.lengths, kind="stable")
            yield from (order[i : i + self.batch_size] for i in range(0, self.n, self.batch_size))
            return
        random = np.random.default_rng([self.seed, self.epoch])
        if self.chance is None:
            order = random.permutation(self.n)
        else:
            order = random.choice(self.n, self.n, p=self.chance)
        if self.lengths is not None:
            pool = self.batch_size * POOL_BATCHES
            pools = (order[i : i + pool] for i in range(0, self.n, pool))
            order = np.concatenate([p[np.argsort(self.lengths[p], kind="stable")] for p in pools])
        batches = [order[i : i + self.batch_size] for i in range(0, self.n, self.batch_size)]
        if self.lengths is not None:
            random.shuffle(batches)
        yield from batches


def batches(
    rows: Rows, batch_size: int, seed: int | None = None, balance: float = 0.0, workers: int = 0
) -> DataLoader:
    """Batches in the order of `BatchOrder`, cut by `workers` processes (0: this one); the same either way."""
    order = BatchOrder(rows, batch_size, seed, balance)
    return DataLoader(
        BatchDataset(rows),
        batch_size=None,
        sampler=order,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=workers > 0 and torch.cuda.is_available(),
    )


@contextmanager
def threads(context: Context) -> Iterator[None]:
    """Torch on `context.threads` threads, as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(context.threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_network(
    net: Network, rows: Rows, context: Context, batch_size: int, what: str = "forward"
) -> np.ndarray:
    """float32 [n, C] logits (`what`="forward") or [n, d] embeddings ("embed"), in card order."""
    device = torch.device(context.device)
    net.to(device).eval()
    result: np.ndarray | None = None
    with threads(context), torch.inference_mode():
        for numbers in BatchOrder(rows, batch_size, None):
            batch = {name: value.to(device) for name, value in rows.batch(numbers).items()}
            part = getattr(net, what)(batch).float().cpu().numpy()
            if result is None:
                result = np.empty((len(rows.target), part.shape[1]), np.float32)
            result[numbers] = part
    return np.empty((0, 0), np.float32) if result is None else result


class NeuralModel(ABC):
    """The model protocol over a Network; a family says how cards are encoded and what the net is."""

    predict_batch = 512

    def __init__(self, config: Any, context: Context) -> None:
        self.config, self.context = config, context
        self.net: Network | None = None
        self.temperature, self.epochs = 1.0, 0

    def warm(self, cards: pd.DataFrame) -> None:
        """Nothing to prepare unless a family says otherwise."""
        return

    def prepare(self, train: pd.DataFrame) -> None:
        """Learn from train cards what encoding needs (a tokenizer, a vocabulary, means)."""
        return

    @abstractmethod
    def encode(self, cards: pd.DataFrame) -> Rows: ...

    def encode_train(self, train: pd.DataFrame) -> Rows:
        """What is trained on, where that is not just the cards with their targets."""
        return self.encode(train)

    @abstractmethod
    def build(self, restore: bool = False) -> Network:
        """A network to train, or (`restore`) one whose weights are about to be overwritten."""

    def settings(self) -> dict[str, Any]:
        """JSON-able things `restored` needs besides weights."""
        return {}

    def save_parts(self, folder: Path) -> None:
        """Write files besides weights and settings."""
        return

    def load_parts(self, folder: Path, settings: dict[str, Any]) -> None:
        """Read what `settings` and `save_parts` hold, before the network is built."""
        return

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        from goods.models.loop import train_network  # lightning takes seconds to import: only who trains pays

        if train.empty or (train.target < 0).any():
            raise GoodsError(f"{self.config.family}: fit needs at least one card, all of them with a target")
        trainer: TrainerConfig = self.config.trainer
        with threads(self.context), scratch_folder(self.context) as scratch:
            torch.manual_seed(self.context.seed)
            self.prepare(train)
            torch.manual_seed(self.context.seed)
            net = self.build()
            train_rows = self.encode_train(train)
            valid_rows = self.encode(valid) if valid is not None and len(valid) else None
            key = content_hash(
                self.config.model_dump(mode="json"),
                self.context.seed,
                train.product_id.to_numpy(),
                train.target.to_numpy(),
            )
            self.epochs = train_network(net, train_rows, valid_rows, trainer, self.context, scratch, key)
            self.net, self.temperature = net.eval(), 1.0
            if valid_rows is not None:
                logits = run_network(net, valid_rows, self.context, self.predict_batch)
                self.temperature = fit_temperature(logits, valid_rows.target)

    def refit(self, train: pd.DataFrame, folds: list[Path]) -> None:
        """Fit on all of `train`, for as many epochs and with the temperature that the folds' mean says."""
        chosen = [read_json(folder / "model.json") for folder in folds]
        epochs = round(float(np.mean([c["epochs"] for c in chosen])))
        trainer = self.config.trainer.model_copy(update={"stop_after": max(1, epochs)})
        self.config = self.config.model_copy(update={"trainer": trainer})
        self.fit(train, None)
        self.temperature = float(np.exp(np.mean([np.log(c["temperature"]) for c in chosen])))

    def _fitted(self) -> Network:
        if self.net is None:
            raise GoodsError(f"{self.config.family}: fit or load the model first")
        return self.net

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        net = self._fitted()
        if cards.empty:
            return np.empty((0, self.context.labels.n_classes), np.float32)
        logits = run_network(net, self.encode(cards), self.context, self.predict_batch)
        return to_proba(logits, self.temperature)

    def embed(self, cards: pd.DataFrame) -> np.ndarray:
        """float32 [n, d]: the last hidden layer of the fitted network."""
        return run_network(self._fitted(), self.encode(cards), self.context, self.predict_batch, "embed")

    def has_input(self, cards: pd.DataFrame) -> np.ndarray:
        """bool [n]: cards with something for this family to encode."""
        return np.ones(len(cards), bool)

    def pretrained_vectors(self, cards: pd.DataFrame) -> np.ndarray:
        """float32 [n, d] of a frozen encoder, nothing trained on labels."""
        raise GoodsError(
            f"{self.config.family}: no frozen encoder here; set frozen to true or layer to trained"
        )

    def save(self, folder: Path) -> None:
        net = self._fitted()
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
        save_file(weights, folder / "network.safetensors")
        chosen = {"temperature": self.temperature, "epochs": self.epochs}
        settings = {"family": self.config.family, **chosen, **self.settings()}
        write_json(folder / "model.json", settings)
        self.save_parts(folder)

    def load(self, folder: Path) -> None:
        try:
            settings = read_json(folder / "model.json")
            if settings["family"] != self.config.family:
                raise GoodsError(f"{folder}: holds a {settings['family']} model, not {self.config.family}")
            self.temperature = float(settings["temperature"])
            self.load_parts(folder, settings)
            net = self.build(restore=True)
            net.load_state_dict(load_file(folder / "network.safetensors"))
        except (OSError, KeyError, ValueError, RuntimeError, SafetensorError, json.JSONDecodeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise GoodsError(f"{folder}: missing or damaged model files ({reason}); train it again") from None
        self.net = net.eval()


@contextmanager
def scratch_folder(context: Context) -> Iterator[Path]:
    if context.scratch is not None:
        context.scratch.mkdir(parents=True, exist_ok=True)
        yield context.scratch
        return
    with tempfile.TemporaryDirectory(prefix="goods-") as folder:
        yield Path(folder)
