"""A small network over a student's terms; of cards that its teacher labels it learns how sure the teacher is of which
class (Hinton et al. 2015, arXiv 1503.02531).

It gives too much to frequent classes. What is to be taken from them is learned where temperatures are, on inner splits,
and taken from the last layer's bias, so that nobody who asks it needs to know.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.numpy import load_file, save_file
from torch import nn

from goods.cards.ragged import runs
from goods.core.artifacts import read_json
from goods.core.calibration import fit_adjustment
from goods.core.predictions import Predictions
from goods.models.base import Context
from goods.models.network import Network
from goods.models.neural import NeuralModel
from goods.models.tables import Table
from goods.models.text.hashed_terms import WeighedTerms
from goods.models.text.student import StudentConfig
from goods.models.text.student_terms import StudentTerms

FILE = "terms.safetensors"

SURE = 8  # classes of a taught card that are learned, the teacher's first ones


class TermRows:
    """Cards as weighted terms; those that are `taught` have classes int32 and shares float32 [n, SURE] besides."""

    lengths: np.ndarray | None = None

    def __init__(self, terms: WeighedTerms, target: np.ndarray, n_classes: int) -> None:
        self.terms, self.target, self.n_classes = terms, target.astype(np.int64), n_classes
        self.classes, self.shares = np.empty((0, 0), np.int32), np.empty((0, 0), np.float32)

    def teach(self, taught: np.ndarray, said: Predictions) -> None:
        """`said` is of the cards where `taught` bool [n] is; the others keep their class."""
        most = min(SURE, said.classes.shape[1])
        self.classes = np.zeros((len(taught), most), np.int32)
        self.shares = np.zeros((len(taught), most), np.float32)
        self.classes[:, 0], self.shares[:, 0] = self.target, 1
        shares = said.proba[:, :most]
        self.classes[taught], self.shares[taught] = (
            said.classes[:, :most],
            shares / shares.sum(1, keepdims=True),
        )

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        terms = self.terms
        found = runs(terms.offsets[rows], terms.offsets[rows + 1] - terms.offsets[rows])
        batch = {
            "terms": torch.from_numpy(terms.terms[found.values].astype(np.int64)),
            "weights": torch.from_numpy(terms.weights[found.values]),
            "offsets": torch.from_numpy(found.offsets),
        }
        if len(self.shares):
            shares = torch.zeros(len(rows), self.n_classes)
            classes = torch.from_numpy(self.classes[rows].astype(np.int64))
            batch["shares"] = shares.scatter_add_(1, classes, torch.from_numpy(self.shares[rows]))
        return batch


class StudentNetwork(Network):
    def __init__(self, config: StudentConfig, n_terms: int, n_classes: int) -> None:
        super().__init__()
        self.table = Table(n_terms, config.hidden, still=True)
        nn.init.normal_(self.table.weight, std=0.02)
        self.bias = nn.Parameter(torch.zeros(config.hidden))
        self.term_dropout, self.dropout = nn.Dropout(config.term_dropout), nn.Dropout(config.dropout)
        self.last = nn.Linear(config.hidden, n_classes)

    def embed(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        weights = self.term_dropout(batch["weights"])
        return self.dropout(torch.relu(self.table(batch["terms"], batch["offsets"], weights) + self.bias))

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.last(self.embed(batch))


class StudentNetworkModel(NeuralModel):
    config: StudentConfig

    def __init__(self, config: StudentConfig, context: Context) -> None:
        super().__init__(config, replace(context, threads=1))  # sums have the order of one thread
        self.terms = StudentTerms(config)
        self.log_count, self.strength = np.zeros(context.labels.n_classes), 0.0

    def prepare(self, train: pd.DataFrame) -> None:
        self.terms.of(train, fit=True)
        self.log_count = np.log1p(np.bincount(train.target, minlength=self.context.labels.n_classes))

    def calibrate(self, logits: np.ndarray, target: np.ndarray) -> None:
        self.temperature, strength = fit_adjustment(logits, target, self.log_count)
        self._adjust(strength)

    def refit(self, train: pd.DataFrame, folds: list[Path]) -> None:
        super().refit(train, folds)
        self._adjust(float(np.mean([read_json(folder / "model.json")["strength"] for folder in folds])))

    def _adjust(self, strength: float) -> None:
        """Less `strength` · log(1 + cards) for each class, of logits that `temperature` divides."""
        self.strength = strength
        taken = torch.from_numpy(self.temperature * strength * self.log_count)
        with torch.no_grad():
            self._fitted().last.bias.sub_(taken.float())

    def encode(self, cards: pd.DataFrame) -> TermRows:
        return TermRows(self.terms.of(cards), cards.target.to_numpy(), self.context.labels.n_classes)

    def encode_train(self, train: pd.DataFrame) -> TermRows:
        rows = self.encode(train)
        taught = (train.split != "train").to_numpy()
        if taught.any():
            said = self.context.scores[self.config.teacher]
            rows.teach(taught, said.aligned(train.product_id.to_numpy()[taught]))
        return rows

    def build(self, restore: bool = False) -> StudentNetwork:
        return StudentNetwork(self.config, len(self.terms), self.context.labels.n_classes)

    def settings(self) -> dict[str, Any]:
        return {"strength": self.strength}

    def save_parts(self, folder: Path) -> None:
        save_file(self.terms.arrays(), folder / FILE)

    def load_parts(self, folder: Path, settings: dict[str, Any]) -> None:
        self.strength = float(settings["strength"])
        self.terms.load(load_file(folder / FILE))
