"""Metrics of the class of a card. Inputs are class indices int [n]."""

from __future__ import annotations

from typing import Literal

import numpy as np

from goods.cards.labels import Labels
from goods.metrics.base import ClassMetric


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


def balanced_accuracy(true: np.ndarray, predicted: np.ndarray) -> float:
    """Mean over the classes that are true of the share of their cards that are right; 0 for no cards."""
    if not len(true):
        return 0.0
    cards, right = (np.bincount(part, minlength=true.max() + 1) for part in (true, true[true == predicted]))
    return float((right[cards > 0] / cards[cards > 0]).mean())


def matthews(true: np.ndarray, predicted: np.ndarray) -> float:
    """Correlation of true and predicted class (Gorodkin 2004); 0 where one of them is the same for all cards."""
    least = min(true.min(initial=0), predicted.min(initial=0))  # -1: a card without any candidate
    classes = 1 + max(true.max(initial=0), predicted.max(initial=0)) - least
    cards, answers = (
        np.bincount(part - least, minlength=classes).astype(float) for part in (true, predicted)
    )
    n, right = len(true), float((true == predicted).sum())
    spread = (n * n - cards @ cards) * (n * n - answers @ answers)
    return float((right * n - cards @ answers) / np.sqrt(spread)) if spread else 0.0


def _common(true: np.ndarray, predicted: np.ndarray, labels: Labels) -> tuple[np.ndarray, ...]:
    """Of each pair of classes that occurs, int [p]: cards, common nodes, nodes of the true and of the predicted."""
    sets = [frozenset(a.tolist()) for a in labels.ancestors]
    pairs, counts = np.unique(np.stack([true, predicted], 1), axis=0, return_counts=True)
    common = np.array([len(sets[t] & sets[p]) for t, p in pairs.tolist()], np.int64)
    size = np.array([len(s) for s in sets])
    return counts, common, size[pairs[:, 0]], size[pairs[:, 1]]


def hierarchical_accuracy(true: np.ndarray, predicted: np.ndarray, labels: Labels) -> float:
    """As defined below; 0 for no cards."""
    counts, common, of_true, of_predicted = _common(true, predicted, labels)
    shares = common / np.maximum(of_true, of_predicted)
    return float(np.average(shares, weights=counts)) if len(counts) else 0.0


def lca_accuracy(true: np.ndarray, predicted: np.ndarray, labels: Labels) -> float:
    """As defined below; 0 for no cards."""
    counts, common, of_true, _ = _common(true, predicted, labels)
    scores = np.where(common > 0, np.exp(common - of_true), 0.0)
    return float(np.average(scores, weights=counts)) if len(counts) else 0.0


def hierarchical_f1(true: np.ndarray, predicted: np.ndarray, labels: Labels) -> float:
    """hF1 (Kiritchenko et al. 2006) as defined below; 0 for no cards."""
    counts, common, of_true, of_predicted = _common(true, predicted, labels)
    total = int((counts * (of_true + of_predicted)).sum())
    # F1 of micro precision and recall over the same overlap: 2·common / (Σ|A(ŷ)| + Σ|A(y)|)
    return 2 * int((counts * common).sum()) / total if total else 0.0


CLASS_METRICS = (
    ClassMetric(
        "weighted_f1",
        "per-class F1 averaged with the number of true cards as weights (scikit-learn)",
        lambda true, predicted, _: f1(true, predicted, "weighted"),
        decoder="safe_class_bias",
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
    ClassMetric(
        "micro_f1",
        "F1 of all cards together, which is their accuracy where each has one class (scikit-learn)",
        lambda true, predicted, _: float(np.mean(true == predicted)),
    ),
    ClassMetric(
        "balanced_accuracy",
        "mean over true classes of the share of their cards that are right (scikit-learn)",
        lambda true, predicted, _: balanced_accuracy(true, predicted),
        decoder="class_bias",
    ),
    ClassMetric(
        "mcc",
        "Matthews correlation of true and predicted class (scikit-learn)",
        lambda true, predicted, _: matthews(true, predicted),
    ),
    ClassMetric(
        "hierarchical_accuracy",
        "mean over cards of |A(y)∩A(ŷ)| / max(|A(y)|, |A(ŷ)|), A: ancestors and the class itself, root left out; of "
        "classes of one depth the mean over levels of the accuracy there",
        hierarchical_accuracy,
        decoder="expected_hierarchical_f1",
    ),
)
