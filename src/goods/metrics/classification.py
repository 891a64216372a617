"""Metrics of the class of a card. Inputs are class indices int [n]."""

from __future__ import annotations

import numpy as np

from goods.cards.labels import Labels
from goods.metrics.base import ClassMetric


def f1(true: np.ndarray, predicted: np.ndarray, average: str) -> float:
    """scikit-learn's, 0 where a class is neither true nor predicted."""
    from sklearn.metrics import f1_score  # a second to import, which not every command is to pay

    return float(f1_score(true, predicted, average=average, zero_division=0))


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
        lambda true, predicted, _: f1(true == 1, predicted == 1, "binary"),
        decoder="class_bias",
        n_classes=2,
    ),
    ClassMetric(
        "accuracy",
        "share of cards with the right class",
        lambda true, predicted, _: float(np.mean(true == predicted)),
    ),
    ClassMetric(
        "hierarchical_f1",
        "micro over ancestors and the class itself, root left out: hP = Σ|A(y)∩A(ŷ)|/Σ|A(ŷ)|, "
        "hR = Σ|A(y)∩A(ŷ)|/Σ|A(y)|",
        hierarchical_f1,
        decoder="expected_hierarchical_f1",
    ),
)
