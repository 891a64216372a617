"""Metrics of the class of a card. Inputs are class indices int [n]."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import accuracy_score, f1_score

from goods.cards.labels import Labels

DEFINITIONS = {
    "weighted_f1": "per-class F1 averaged with the number of true cards as weights (scikit-learn)",
    "macro_f1": "unweighted mean of per-class F1 over classes true or predicted (scikit-learn)",
    "binary_f1": "F1 of the second of two classes (scikit-learn)",
    "accuracy": "share of cards with the right class",
    "hierarchical_f1": "micro over ancestors and the class itself, root left out: hP = Σ|A(y)∩A(ŷ)|/Σ|A(ŷ)|, "
    "hR = Σ|A(y)∩A(ŷ)|/Σ|A(y)|",
}


def hierarchical_f1(true: np.ndarray, predicted: np.ndarray, labels: Labels) -> float:
    """hF1 as in DEFINITIONS; 0 for no cards."""
    sets = [frozenset(a.tolist()) for a in labels.ancestors]
    size = np.array([len(s) for s in sets])
    pairs, counts = np.unique(np.stack([true, predicted], 1), axis=0, return_counts=True)
    common = sum(
        n * len(sets[t] & sets[p]) for (t, p), n in zip(pairs.tolist(), counts.tolist(), strict=True)
    )
    total = size[true].sum() + size[predicted].sum()
    # F1 of micro precision and recall over the same overlap: 2·common / (Σ|A(ŷ)| + Σ|A(y)|)
    return float(2 * common / total) if total else 0.0


def score(metric: str, true: np.ndarray, predicted: np.ndarray, labels: Labels) -> float:
    if metric == "weighted_f1":
        return float(f1_score(true, predicted, average="weighted", zero_division=0))
    if metric == "macro_f1":
        return float(f1_score(true, predicted, average="macro", zero_division=0))
    if metric == "binary_f1":
        return float(f1_score(true == 1, predicted == 1, zero_division=0))
    if metric == "accuracy":
        return float(accuracy_score(true, predicted))
    if metric == "hierarchical_f1":
        return hierarchical_f1(true, predicted, labels)
    raise ValueError(f"unknown metric {metric!r}")


def all_scores(true: np.ndarray, predicted: np.ndarray, labels: Labels) -> dict[str, float]:
    """Every metric that is defined for so many classes."""
    defined = [metric for metric in DEFINITIONS if metric != "binary_f1" or labels.n_classes == 2]
    return {metric: round(score(metric, true, predicted, labels), 6) for metric in defined}
