"""Metrics of the class of a card. Inputs are class indices int [n]."""

from __future__ import annotations

from typing import Literal

import numpy as np

from goods.cards.labels import Labels
from goods.metrics.base import ClassMetric


def lca_accuracy(true: np.ndarray, predicted: np.ndarray, labels: Labels) -> float:
    """As defined below; 0 for no cards."""
    sets = [frozenset(a.tolist()) for a in labels.ancestors]
    pairs, counts = np.unique(np.stack([true, predicted], 1), axis=0, return_counts=True)
    common = [len(sets[t] & sets[p]) for t, p in pairs.tolist()]
    scores = [
        np.exp(n - len(sets[t])) if n else 0.0 for n, t in zip(common, pairs[:, 0].tolist(), strict=True)
    ]
    return float(np.average(scores, weights=counts)) if len(counts) else 0.0


def f1(true: np.ndarray, predicted: np.ndarray, average: Literal["weighted", "macro"]) -> float:
    """Mean of the F1 of each class that is true or predicted; 0 for no cards. scikit-learn's to the last digit, without
    its checks of the input: studies and pools ask for it hundreds of times."""
    least = min(true.min(initial=0), predicted.min(initial=0))  # -1: a card without any candidate
    true, predicted = true - least, predicted - least
    classes = 1 + max(true.max(initial=0), predicted.max(initial=0))
    cards = np.bincount(true, minlength=classes)
    answers = np.bincount(predicted, minlength=classes)
    right = np.bincount(true[true == predicted], minlength=classes)
    there = np.flatnonzero(cards + answers)
    if not there.size:
        return 0.0
    by_class = 2 * right[there] / (cards + answers)[there]
    return float(np.average(by_class, weights=cards[there] if average == "weighted" else None))


def binary_f1(true: np.ndarray, predicted: np.ndarray) -> float:
    """Of the True ones of bool [n]; 0 where there are none."""
    marked = int(true.sum()) + int(predicted.sum())
    return 2 * int((true & predicted).sum()) / marked if marked else 0.0


def hierarchical_f1(true: np.ndarray, predicted: np.ndarray, labels: Labels) -> float:
    """hF1 as defined below; 0 for no cards."""
    sets = [frozenset(a.tolist()) for a in labels.ancestors]
    size = np.array([len(s) for s in sets])
    pairs, counts = np.unique(np.stack([true, predicted], 1), axis=0, return_counts=True)
    common = sum(
        n * len(sets[t] & sets[p]) for (t, p), n in zip(pairs.tolist(), counts.tolist(), strict=True)
    )
    total = size[true].sum() + size[predicted].sum()
    # F1 of micro precision and recall over the same overlap: 2·common / (Σ|A(ŷ)| + Σ|A(y)|)
    return float(2 * common / total) if total else 0.0


CLASS_METRICS = (
    ClassMetric(
        "weighted_f1",
        "per-class F1 averaged with the number of true cards as weights (scikit-learn)",
        lambda true, predicted, _: f1(true, predicted, "weighted"),
    ),
    ClassMetric(
        "macro_f1",
        "unweighted mean of per-class F1 over classes true or predicted (scikit-learn)",
        lambda true, predicted, _: f1(true, predicted, "macro"),
        decoder="class_bias",
    ),
    ClassMetric(
        "binary_f1",
        "F1 of the second of two classes (scikit-learn)",
        lambda true, predicted, _: binary_f1(true == 1, predicted == 1),
        decoder="class_bias",
        n_classes=2,
    ),
    ClassMetric(
        "accuracy",
        "share of cards with the right class",
        lambda true, predicted, _: float(np.mean(true == predicted)),
    ),
    ClassMetric(
        "lca_accuracy",
        "mean over cards of exp(−levels from the true class up to the deepest ancestor, or itself, that the predicted "
        "one shares); 0 where they share none, a single root left out",
        lca_accuracy,
        decoder="expected_lca_accuracy",
    ),
    ClassMetric(
        "hierarchical_f1",
        "micro over ancestors and the class itself, root left out: hP = Σ|A(y)∩A(ŷ)|/Σ|A(ŷ)|, "
        "hR = Σ|A(y)∩A(ŷ)|/Σ|A(y)|",
        hierarchical_f1,
        decoder="expected_hierarchical_f1",
    ),
)
