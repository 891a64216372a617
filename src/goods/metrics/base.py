"""What a metric is: its name, the kind of problem it is for, its definition, how it scores, how a class is chosen for
it. Of every metric higher is better: a loss is scored as its negative, and named so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.core.errors import GoodsError
from goods.core.meant import among
from goods.core.predictions import TOP_K, Predictions

Decoder = Literal[
    "argmax", "expected_hierarchical_f1", "expected_lca_accuracy", "class_bias", "safe_class_bias"
]
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
    depth: ClassVar[int] = 2  # classes of a prediction that it takes

    def __post_init__(self) -> None:
        if self.decoder not in DECODERS:
            known = among(self.decoder, DECODERS)
            raise GoodsError(f"metric {self.name}: unknown decoder {self.decoder!r}: known are {known}")

    def defined(self, labels: Labels) -> bool:
        return self.n_classes in (None, labels.n_classes)

    def evaluate(self, rows: pd.DataFrame, predictions: Predictions, labels: Labels) -> float:
        return self.judge(rows.target.to_numpy(), predictions, labels)

    def judge(self, true: np.ndarray, predictions: Predictions, labels: Labels) -> float:
        """Of the first class of each card (the predictions' order)."""
        return self.score(true, predictions.classes[:, 0], labels)


@dataclass(frozen=True)
class ProbaMetric:
    """Of the probabilities of each card's classes, whichever is submitted first. `score(true, predictions, labels)`
    takes class indices int [n] in the order of the predictions; it is defined where there are more than `beyond`
    classes."""

    name: str
    definition: str
    score: Callable[[np.ndarray, Predictions, Labels], float]
    beyond: int = 1
    decoder: ClassVar[Decoder] = "argmax"
    problem: ClassVar[str] = "cards"
    depth: ClassVar[int] = TOP_K

    def defined(self, labels: Labels) -> bool:
        return labels.n_classes > self.beyond

    def evaluate(self, rows: pd.DataFrame, predictions: Predictions, labels: Labels) -> float:
        return self.judge(rows.target.to_numpy(), predictions, labels)

    def judge(self, true: np.ndarray, predictions: Predictions, labels: Labels) -> float:
        return self.score(true, predictions, labels)


@dataclass(frozen=True)
class PairMetric:
    """Of the probabilities that pairs match. `score(target, scores, category)`: 0 or 1 [n], float [n], text [n]."""

    name: str
    definition: str
    score: Callable[[np.ndarray, np.ndarray, np.ndarray], float]
    problem: ClassVar[str] = "pairs"
    depth: ClassVar[int] = 2

    def defined(self, labels: Labels) -> bool:
        return True

    def evaluate(self, rows: pd.DataFrame, predictions: Predictions, labels: Labels) -> float:
        return self.score(rows.target.to_numpy(), predictions.proba_of(1), rows.category.to_numpy(str))


CardMetric = ClassMetric | ProbaMetric
Metric = CardMetric | PairMetric
