"""Metrics of the probabilities of a card's classes. `true` is class indices int [n] in the order of the predictions."""

from __future__ import annotations

from functools import partial

import numpy as np

from goods.cards.labels import Labels
from goods.core.predictions import Predictions
from goods.metrics.base import ProbaMetric

LEAST = float(np.finfo(np.float32).eps)  # of a probability in a logarithm: scikit-learn's for float32


def log_loss(true: np.ndarray, predictions: Predictions, n_classes: int) -> float:
    """Mean -log of the probability of each card's class; 0 for no cards. What a card's classes leave of 1 is shared
    equally by those it gives nothing."""
    if not len(true):
        return 0.0
    said = np.where(predictions.classes == true[:, None], predictions.proba, np.float32(0)).sum(1)
    said = np.where(said > 0, said, predictions.left_over(n_classes))
    return float(-np.log(said.clip(LEAST, 1).astype(np.float64)).mean())


def top_accuracy(true: np.ndarray, predictions: Predictions, labels: Labels, k: int) -> float:
    """Share of cards whose class is among the `k` likeliest, of equal ones those that stand first; 0 for no cards."""
    if not len(true):
        return 0.0
    order = np.argsort(-predictions.proba, axis=1, kind="stable")[:, :k]
    likeliest = np.take_along_axis(predictions.classes, order, 1)
    return float((likeliest == true[:, None]).any(1).mean())


PROBA_METRICS = (
    ProbaMetric(
        "neg_log_loss",
        "mean log of the probability of the true class, at most 0 (scikit-learn)",
        lambda true, predictions, labels: -log_loss(true, predictions, labels.n_classes),
    ),
    *(
        ProbaMetric(
            f"top{k}_accuracy",
            f"share of cards whose class is among the {k} likeliest (scikit-learn)",
            partial(top_accuracy, k=k),
            beyond=k,
        )
        for k in (3, 5, 10)
    ),
)
