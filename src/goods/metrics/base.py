"""What a metric is: its name, the kind of problem it is for, its definition, how it scores, how a class is chosen for
it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.core.errors import GoodsError
from goods.core.predictions import Predictions

Decoder = Literal["argmax", "expected_hierarchical_f1", "expected_lca_accuracy", "class_bias"]
DECODERS: tuple[Decoder, ...] = get_args(Decoder)  # stack/decoding.py has each of them


@dataclass(frozen=True)
class ClassMetric:
    """Of the class of each card. `score(true, predicted, labels)` takes class indices int [n]; higher is better.

    `decoder` says which class to submit for this metric, given probabilities (GoodsError where it is none of
    DECODERS); `n_classes` where it is defined for so many alone.
    """

    name: str
    definition: str
    score: Callable[[np.ndarray, np.ndarray, Labels], float]
    decoder: Decoder = "argmax"
    n_classes: int | None = None
    problem: ClassVar[str] = "cards"

    def __post_init__(self) -> None:
        if self.decoder not in DECODERS:
            known = ", ".join(DECODERS)
            raise GoodsError(f"metric {self.name}: unknown decoder {self.decoder!r}: known are {known}")

    def defined(self, labels: Labels) -> bool:
        return self.n_classes in (None, labels.n_classes)

    def evaluate(self, rows: pd.DataFrame, predictions: Predictions, labels: Labels) -> float:
        """Of the first class of each of `rows` (the predictions' order)."""
        return self.score(rows.target.to_numpy(), predictions.classes[:, 0], labels)


@dataclass(frozen=True)
class PairMetric:
    """Of the probabilities that pairs match. `score(target, scores, category)`: 0 or 1 [n], float [n], text [n]."""

    name: str
    definition: str
    score: Callable[[np.ndarray, np.ndarray, np.ndarray], float]
    problem: ClassVar[str] = "pairs"

    def defined(self, labels: Labels) -> bool:
        return True

    def evaluate(self, rows: pd.DataFrame, predictions: Predictions, labels: Labels) -> float:
        return self.score(rows.target.to_numpy(), predictions.proba_of(1), rows.category.to_numpy(str))


Metric = ClassMetric | PairMetric
