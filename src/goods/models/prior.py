"""The shares of the classes among the train rows: what can be said without looking at a row, in no time."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from goods.config.base import FamilyConfig, Modality
from goods.core.artifacts import read_npz, write_npz
from goods.models.base import Context, Model

FILE = "model.npz"


class PriorConfig(FamilyConfig):
    """Each row gets the shares of the classes, so the most frequent one."""

    family: Literal["prior"]
    modalities: ClassVar[tuple[Modality, ...]] = ()

    def build(self, context: Context) -> Model:
        return PriorModel(context)


class PairPriorConfig(FamilyConfig):
    """Each pair gets the share of matches."""

    family: Literal["pair_prior"]
    problem: ClassVar[str] = "pairs"
    modalities: ClassVar[tuple[Modality, ...]] = ()

    def build(self, context: Context) -> Model:
        return PriorModel(context)


class PriorModel:
    def __init__(self, context: Context) -> None:
        self.shares = np.zeros(context.labels.n_classes, np.float32)

    def warm(self, cards: pd.DataFrame) -> None:
        """Nothing to cache."""

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        target = np.concatenate([part.target.to_numpy() for part in (train, valid) if part is not None])
        counts = np.bincount(target, minlength=len(self.shares))
        self.shares = (counts / counts.sum()).astype(np.float32)

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        return np.tile(self.shares, (len(cards), 1))

    def save(self, folder: Path) -> None:
        write_npz(folder / FILE, shares=self.shares)

    def load(self, folder: Path) -> None:
        self.shares = read_npz(folder / FILE, "shares")["shares"]
