"""Logistic regression over the words that both names of a pair have and those that only one has.

Which words tell products apart (a colour, a size, "kit") and which do not (a shop, "sale") is learned from the train
pairs; with attributes, also in which of them a pair is equal or differs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix, hstack
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from goods.artifacts import read_json, write_json, write_npz
from goods.config import PairWordsConfig
from goods.errors import GoodsError
from goods.matching.attributes import read_characteristics, value_of
from goods.matching.cleanup import logit
from goods.matching.names import normal
from goods.matching.sets import Sets
from goods.models.base import Context
from goods.models.tokens import UNIT

_PART = re.compile(r"[^\W\d_]+|\d+(?:[.,]\d+)?")  # letters apart from digits: "64gb" is "64" and "gb"


class PairWordsModel:
    def __init__(self, config: PairWordsConfig, context: Context) -> None:
        if context.products is None:
            raise GoodsError(
                "pair_words: this family matches products; it needs a matching competition such as ozon"
            )
        self.config, self.context, self.products = config, context, context.products
        self.columns: list[str] = []  # features with a weight, by name
        self.weights = np.empty(0)
        self.intercept: float | None = None

    def warm(self, rows: pd.DataFrame) -> None:
        return

    def parts(self, rows: pd.DataFrame) -> tuple[csr_matrix, list[str]]:
        """Zeros and ones [n, 2 · items], and the columns' names: + for what both have, − for what one has. Of
        attributes there are values (equal on both sides) and keys (both have one, and the values differ)."""
        left, right = self.products.ends(rows)
        known = (left >= 0) & (right >= 0)
        left, right = np.where(known, left, 0), np.where(known, right, 0)
        words, values, keys = self.sets()
        a, b = (words.matrix[side] for side in (left, right))
        both = a.multiply(b).tocsr()
        apart = (a + b - 2 * both).tocsr()
        equal = values.matrix[left].multiply(values.matrix[right]).tocsr()
        shared = keys.matrix[left].multiply(keys.matrix[right]).tocsr()
        # attributes that are equal are columns of values; summed by key they are taken off what both have
        owner = {key: i for i, key in enumerate(keys.items)}
        of_key = [owner[item.partition(UNIT)[0]] for item in values.items]
        fold = csr_matrix(
            (np.ones(len(of_key), np.float32), (np.arange(len(of_key)), of_key)),
            shape=(values.matrix.shape[1], keys.matrix.shape[1]),
        )
        differ = (shared - equal @ fold).tocsr()
        names = [
            *(f"+{w}" for w in padded(words)),
            *(f"-{w}" for w in padded(words)),
            *(f"+{UNIT}{v}" for v in padded(values)),
            *(f"-{UNIT}{k}" for k in padded(keys)),
        ]
        table = hstack([both, apart, equal, differ]).tocsr()
        table = table.multiply(known[:, None]).tocsr()
        table.eliminate_zeros()
        return table, names

    def sets(self) -> tuple[Sets, Sets, Sets]:
        """Words, values and keys of every product; found once for the models of all folds."""
        made, known = self.products.makers, ("pair_words",)
        if known not in made:
            cards = self.products.cards
            rows = read_characteristics(cards)
            made[known] = (
                Sets.of([_PART.findall(normal(title)) for title in cards.title]),
                Sets.of([[f"{key}{UNIT}{value_of(values)}" for key, values in row.items()] for row in rows]),
                Sets.of([row.keys() for row in rows]),
            )
        return made[known]

    def fit(self, train: pd.DataFrame, valid: pd.DataFrame | None) -> None:
        """On all pairs, the inner split included: nothing is stopped or calibrated by it."""
        rows = train if valid is None else pd.concat([train, valid], ignore_index=True)
        if rows.target.nunique() < 2:
            raise GoodsError("pair_words: fit needs pairs that match and pairs that do not")
        table, names = self.parts(rows)
        kept = np.flatnonzero(table.getnnz(axis=0) >= self.config.min_pairs)
        if not len(kept):  # no word that two pairs share: the share of matches is all there is to say
            self.columns, self.weights = [], np.empty(0)
            self.intercept = float(logit(np.array(rows.target.mean())))
            return
        fitted = LogisticRegression(C=self.config.C, solver="liblinear", random_state=self.context.seed)
        fitted.fit(table[:, kept], rows.target)
        self.columns = [names[i] for i in kept]
        self.weights, self.intercept = fitted.coef_[0], float(fitted.intercept_[0])

    def refit(self, train: pd.DataFrame, folds: list[Path]) -> None:
        self.fit(train, None)

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        if self.intercept is None:
            raise GoodsError("pair_words: fit or load the model first")
        if rows.empty:
            return np.empty((0, 2), np.float32)
        table, names = self.parts(rows)
        weight = dict(zip(self.columns, self.weights.tolist(), strict=True))
        match = expit(table @ np.array([weight.get(name, 0.0) for name in names]) + self.intercept)
        return np.stack([1 - match, match], 1).astype(np.float32)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / "model.json", {"columns": self.columns, "intercept": self.intercept})
        write_npz(folder / "weights.npz", weights=self.weights)

    def load(self, folder: Path) -> None:
        settings: dict[str, Any] = read_json(folder / "model.json")
        try:
            with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
                self.weights = arrays["weights"]
            self.columns, self.intercept = settings["columns"], settings["intercept"]
        except (OSError, ValueError, KeyError) as error:
            raise GoodsError(f"{folder}: missing or damaged model files ({error}); train it again") from None


def padded(sets: Sets) -> list[str]:
    """Names of all columns of the matrix, which has one even where there is no item."""
    return sets.items or [UNIT]
