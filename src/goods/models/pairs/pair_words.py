"""Logistic regression over the words that both names of a pair have and those that only one has.

Which words tell products apart (a colour, a size, "kit") and which do not (a shop, "sale") is learned from the train
pairs; with attributes, also in which of them a pair is equal or differs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.sparse import csr_matrix, hstack
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from goods.config.base import FamilyConfig
from goods.core.artifacts import read_json, read_npz, write_json, write_npz
from goods.core.calibration import logit, two_classes
from goods.core.errors import GoodsError
from goods.matching.cleanup import SURE
from goods.matching.items import items_of
from goods.models.base import Context, Model, products_of


class PairWordsConfig(FamilyConfig):
    """Logistic regression over the words that both names of a pair have and those that only one has."""

    family: Literal["pair_words"]
    problem: ClassVar[str] = "pairs"
    C: float = Field(0.1, gt=0)
    min_pairs: int = Field(2, ge=1, description="train pairs that a word must tell something about")

    def build(self, context: Context) -> Model:
        return PairWordsModel(self, context)


class PairWordsModel:
    def __init__(self, config: PairWordsConfig, context: Context) -> None:
        self.config, self.context, self.products = config, context, products_of(config.family, context)
        self.columns: list[str] = []  # features with a weight, by name
        self.weights = self.by_column = np.empty(0)
        self.intercept: float | None = None

    def warm(self, rows: pd.DataFrame) -> None:
        return

    def parts(self, rows: pd.DataFrame) -> csr_matrix:
        """Zeros and ones [n, columns of the products' items]."""
        left, right = self.products.ends(rows)
        known = (left >= 0) & (right >= 0)
        left, right = np.where(known, left, 0), np.where(known, right, 0)
        items = items_of(self.products)
        a, b = (items.words.matrix[side] for side in (left, right))
        both = a.multiply(b).tocsr()
        apart = (a + b - 2 * both).tocsr()
        equal, shared = (
            sets.matrix[left].multiply(sets.matrix[right]).tocsr() for sets in (items.values, items.keys)
        )
        table = hstack([both, apart, equal, shared - equal @ items.key_of_value]).tocsr()
        table = table.multiply(known[:, None]).tocsr()
        table.eliminate_zeros()
        return table

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        """On the pairs of both: nothing is stopped or calibrated by the inner split."""
        rows = train if valid is None else pd.concat([train, valid], ignore_index=True)
        if rows.target.nunique() < 2:
            raise GoodsError("pair_words: fit needs pairs that match and pairs that do not; give both")
        table, names = self.parts(rows), items_of(self.products).columns
        kept = np.flatnonzero(table.getnnz(axis=0) >= self.config.min_pairs)
        self.columns = [names[i] for i in kept]
        if len(kept):
            fitted = LogisticRegression(C=self.config.C, solver="liblinear", random_state=self.context.seed)
            fitted.fit(table[:, kept], rows.target)
            self.weights, self.intercept = fitted.coef_[0], float(fitted.intercept_[0])
        else:  # no word that two pairs share: the share of matches is all there is to say
            self.weights, self.intercept = np.empty(0), float(logit(np.array(rows.target.mean()), SURE))
        self._align()

    def _align(self) -> None:
        """The weight of every column of the products' items, once for all blocks: 0 where training has not met it."""
        weight = dict(zip(self.columns, self.weights.tolist(), strict=True))
        self.by_column = np.array([weight.get(name, 0.0) for name in items_of(self.products).columns])

    def refit(self, train: pd.DataFrame, folds: list[Path]) -> None:
        self.fit(train, None)

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        if self.intercept is None:
            raise GoodsError("pair_words: fit or load the model first")
        if rows.empty:
            return np.empty((0, 2), np.float32)
        return two_classes(expit(self.parts(rows) @ self.by_column + self.intercept))

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "model.json", {"columns": self.columns, "intercept": self.intercept})
        write_npz(folder / "weights.npz", weights=self.weights)

    def load(self, folder: Path) -> None:
        settings: dict[str, Any] = read_json(folder / "model.json")
        self.weights = read_npz(folder / "weights.npz", "weights")["weights"]
        try:
            self.columns, self.intercept = settings["columns"], settings["intercept"]
            self._align()
        except (ValueError, KeyError) as error:
            raise GoodsError(f"{folder}: missing or damaged model files ({error}); train it again") from None
