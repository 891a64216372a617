"""Probabilities of candidates → top-k predictions of cards."""

from __future__ import annotations

import numpy as np
import pandas as pd

from goods.cards.labels import Labels
from goods.core.ids import id_array
from goods.core.predictions import TOP_K, Predictions
from goods.stack.candidates import Candidates


def to_predictions(table: Candidates, proba: np.ndarray, cards: pd.DataFrame, labels: Labels) -> Predictions:
    """Top-k predictions of the cards from `proba` float [m] of their candidates; unused columns hold further
    classes at probability 0."""
    k = min(TOP_K, labels.n_classes)
    order = np.lexsort((-proba, table.card))  # stable, and entries come by class
    card, cls, value = table.card[order], table.cls[order], proba[order]
    rank = np.arange(len(card)) - np.searchsorted(card, card)
    kept = rank < k
    # -1 - j marks an unused column; it becomes a class that the card does not hold yet
    classes = np.tile(-1 - np.arange(k, dtype=np.int32), (len(cards), 1))
    out = np.zeros((len(cards), k), np.float32)
    classes[card[kept], rank[kept]] = cls[kept]
    out[card[kept], rank[kept]] = value[kept]
    return Predictions(id_array(cards.product_id), fill_unused(classes), out)


def fill_unused(classes: np.ndarray) -> np.ndarray:
    """int32 [n, k] with negative marks replaced by the lowest classes each row does not hold, k ≤ number of
    classes."""
    k = classes.shape[1]
    used = np.zeros((len(classes), 2 * k), bool)
    rows, columns = np.nonzero((classes >= 0) & (classes < 2 * k))
    used[rows, classes[rows, columns]] = True
    free = np.argsort(used, axis=1, kind="stable")  # classes not used first, ascending
    negative = classes < 0
    nth = np.cumsum(negative, axis=1) - 1
    return np.where(negative, np.take_along_axis(free, nth.clip(0), 1), classes).astype(np.int32)
