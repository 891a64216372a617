"""What files of predictions say of cards, joined by id: nothing is fitted, cards that the files lack are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from goods.core.errors import GoodsError
from goods.core.log import say
from goods.core.predictions import Predictions
from goods.models.base import Context
from goods.models.tabular.imported import UNVERIFIED, ImportedConfig
from goods.models.tabular.imported_files import read_predictions


class ImportedModel:
    def __init__(self, config: ImportedConfig, context: Context) -> None:
        self.config, self.context = config, context
        self.said: dict[str, Predictions] = {}

    def warm(self, cards: pd.DataFrame) -> None:
        """Tell before any fold is written what is wrong with the files, and what cannot be known of them."""
        for split in ("train", "test"):
            self._said(cards[cards.split == split], loud=True)
        say(f"warning: {self.config.oof}: {UNVERIFIED}")

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        """Nothing is fitted."""

    def predict(self, cards: pd.DataFrame) -> np.ndarray:
        dense = np.empty((len(cards), self.context.labels.n_classes), np.float32)
        for split in ("train", "test"):
            here = (cards.split == split).to_numpy()
            dense[here] = self._said(cards[here]).dense(self.context.labels.n_classes)
        return dense

    def _said(self, cards: pd.DataFrame, loud: bool = False) -> Predictions:
        """Of cards of one split; GoodsError where its file lacks one of them."""
        if cards.empty:
            k = np.empty((0, 1))
            return Predictions(cards.product_id.to_numpy(), k.astype(np.int32), k.astype(np.float32))
        split, ids = cards.split.iloc[0], cards.product_id.to_numpy()
        path = Path(self.config.oof if split == "train" else self.config.test)
        if split not in self.said:
            self.said[split] = read_predictions(path, self.config.id, self.context.labels, ids.dtype, loud)
        missing = ~pd.Index(ids).isin(pd.Index(self.said[split].product_id))
        if missing.any():
            raise GoodsError(
                f"{path}: {missing.sum()} of {len(ids)} {split} cards are not in it, the first is {ids[missing][0]}; "
                "predict them too"
            )
        return self.said[split].aligned(ids)

    def save(self, folder: Path) -> None:
        """There is no model."""

    def load(self, folder: Path) -> None:
        raise GoodsError(
            f"{folder}: its predictions were made elsewhere ({self.config.test}) and say nothing of new cards; ask an "
            "experiment or a stack without it"
        )
