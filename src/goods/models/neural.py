"""What every neural family shares: batches cut from pre-encoded cards, the loop, saving and loading.

writes: `context.scratch`/training-<key>.ckpt after every epoch (removed when a fit ends) and TensorBoard
logs in `context.curves`. A fit that finds its checkpoint goes on from it and ends with the same weights as one that was
never stopped: batch order and random numbers of an epoch depend on seed and epoch alone.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from goods.config.trainer import TrainerConfig
from goods.core.artifacts import read_json, write_json
from goods.core.calibration import fit_temperature, to_proba
from goods.core.errors import GoodsError
from goods.core.hashing import content_hash
from goods.core.ids import id_array
from goods.core.wording import in_a_line
from goods.models.base import Context
from goods.models.inference import run_network, scratch_folder, threads
from goods.models.network import Network, cpu_weights
from goods.models.rows import Rows


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
        self.check_given(train)
        self.train_net(train, valid, self.config.trainer)

    def train_net(self, train: pd.DataFrame, valid: pd.DataFrame | None, trainer: TrainerConfig) -> None:
        """`fit` as `trainer` says."""
        # lightning takes seconds to import: only who trains pays
        from goods.models.loop import train_network
        from goods.models.training import Training

        with threads(self.context), scratch_folder(self.context) as scratch:
            torch.manual_seed(self.context.seed)
            self.prepare(train)
            torch.manual_seed(self.context.seed)
            net = self.build()
            train_rows = self.encode_train(train)
            valid_rows = self.encode(valid) if valid is not None and len(valid) else None
            key = content_hash(
                self.config.described(),
                trainer.model_dump(),
                self.context.seed,
                id_array(train.product_id),
                train.target.to_numpy(),
            )
            training = Training(key, self.config.family)
            self.epochs = train_network(net, train_rows, valid_rows, trainer, self.context, scratch, training)
            self.net, self.temperature = net.eval(), 1.0
            if valid_rows is not None:
                logits = run_network(net, valid_rows, self.context, self.predict_batch)
                self.calibrate(logits, valid_rows.target)

    def calibrate(self, logits: np.ndarray, target: np.ndarray) -> None:
        """Learn from the inner split what the trained network says too surely, logits float32 [n, C] of its targets."""
        self.temperature = fit_temperature(logits, target)

    def check_given(self, train: pd.DataFrame) -> None:
        """GoodsError where the cards cannot be fitted on."""
        if train.empty or (train.target < 0).any():
            raise GoodsError(
                f"{self.config.family}: fit needs at least one card, all of them with a target; leave out "
                "those without"
            )

    def refit(self, train: pd.DataFrame, folds: list[Path]) -> None:
        """Fit on all of `train`, for as many epochs and with the temperature that the folds' mean says."""
        chosen = [read_json(folder / "model.json") for folder in folds]
        epochs = round(float(np.mean([c["epochs"] for c in chosen])))
        trainer = self.config.trainer.model_copy(update={"stop_after": max(1, epochs)})
        self.config = self.config.model_copy(update={"trainer": trainer})
        self.fit(train, None)
        self.temperature = float(np.exp(np.mean([np.log(c["temperature"]) for c in chosen])))

    def _fitted(self) -> Network:
        """The trained network; GoodsError where there is none yet."""
        if self.net is None:
            raise GoodsError(f"{self.config.family}: fit or load the model first")
        return self.net

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        self._fitted()
        if cards.empty:
            return np.empty((0, self.context.labels.n_classes), np.float32)
        return to_proba(self._logits(cards), self.temperature)

    def _logits(self, cards: pd.DataFrame) -> np.ndarray:
        """float32 [n, C]"""
        return run_network(self._fitted(), self.encode(cards), self.context, self.predict_batch)

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
        save_file(cpu_weights(net), folder / "network.safetensors")
        chosen = {"temperature": self.temperature, "epochs": self.epochs}
        settings = {"family": self.config.family, **chosen, **self.settings()}
        write_json(folder / "model.json", settings)
        self.save_parts(folder)

    def load(self, folder: Path) -> None:
        try:
            settings = read_json(folder / "model.json")
            if settings["family"] != self.config.family:
                raise GoodsError(
                    f"{folder}: holds a {settings['family']} model, not {self.config.family}; train it again"
                )
            self.temperature = float(settings["temperature"])
            self.load_parts(folder, settings)
            net = self.build(restore=True)
            net.load_state_dict(load_file(folder / "network.safetensors"))
        except (OSError, KeyError, ValueError, RuntimeError, SafetensorError, json.JSONDecodeError) as error:
            reason = in_a_line(error)
            raise GoodsError(f"{folder}: missing or damaged model files ({reason}); train it again") from None
        self.net = net.eval()
