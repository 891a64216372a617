"""Metrics of scored pairs: area under the precision-recall curve where precision is at least 0.75, F1, recall.

`target` is 0, 1 or bool [n], `scores` float [n] in the same order. Curves are scikit-learn's: one point
per distinct score, and (recall 0, precision 1) to begin with.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from goods.metrics.base import PairMetric

LEVEL = 0.75  # of precision


def curve(target: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(recall, precision) float [p], recall ascending from (0, 1). `target` has a positive."""
    from sklearn.metrics import (
        precision_recall_curve,  # a second to import, which not every command is to pay
    )

    precision, recall, _ = precision_recall_curve(target, scores)
    return recall[::-1], precision[::-1]


def area_below(recall: np.ndarray, precision: np.ndarray) -> float:
    """Below the line through the points of recall and precision, float [p], by trapezoids."""
    from sklearn.metrics import auc

    return float(auc(recall, precision))


def prefix_area(target: np.ndarray, scores: np.ndarray, level: float = LEVEL) -> float:
    """The organisers' definition: dips below `level` left of the right-most good point count in."""
    if not target.any():
        return 0.0
    recall, precision = curve(target, scores)
    last = int(np.flatnonzero(precision >= level)[-1])
    return area_below(recall[: last + 1], precision[: last + 1]) if last else 0.0


def masked_area(target: np.ndarray, scores: np.ndarray, level: float = LEVEL) -> float:
    """Only the points with precision ≥ `level`, joined across what lies between them."""
    if not target.any():
        return 0.0
    recall, precision = curve(target, scores)
    good = precision >= level
    return area_below(recall[good], precision[good]) if good.sum() > 1 else 0.0


def over_categories(
    area: Callable[[np.ndarray, np.ndarray], float],
    target: np.ndarray,
    scores: np.ndarray,
    category: np.ndarray,
    weighted: bool,
) -> float:
    """Mean of `area` over categories, `category` [n] of each pair; one without a match counts 0."""
    names, sizes = np.unique(category, return_counts=True)
    areas = [area(target[category == name], scores[category == name]) for name in names]
    return float(np.average(areas, weights=sizes if weighted else None))


def best_f1(target: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """(F1, threshold) where F1 is highest: pairs scored at least that much are matches."""
    if not target.any():
        return 0.0, float("inf")
    from sklearn.metrics import precision_recall_curve

    precision, recall, thresholds = precision_recall_curve(target, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    best = int(f1[:-1].argmax())
    return float(f1[best]), float(thresholds[best])


def recall_at(target: np.ndarray, scores: np.ndarray, level: float = LEVEL) -> float:
    """Highest recall of a threshold with precision ≥ `level`; 0 where there is none."""
    if not target.any():
        return 0.0
    recall, precision = curve(target, scores)
    return float(recall[precision >= level].max())


def _average_precision(target: np.ndarray, scores: np.ndarray) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(target, scores)) if target.any() else 0.0


PREFIX = (
    "area under the precision-recall curve from recall 0 to the right-most point with precision ≥ 0.75, 0 where only "
    "the starting point is; mean over cat3_grouped"
)
MASKED = "area under the precision-recall curve through its points with precision ≥ 0.75 alone; mean over cat3_grouped"
WEIGHTED = "the same, categories weighted by their number of pairs"
PAIR_METRICS = (
    PairMetric("pr_auc_prefix", PREFIX, lambda t, s, c: over_categories(prefix_area, t, s, c, False)),
    PairMetric(
        "pr_auc_prefix_weighted", WEIGHTED, lambda t, s, c: over_categories(prefix_area, t, s, c, True)
    ),
    PairMetric("pr_auc_masked", MASKED, lambda t, s, c: over_categories(masked_area, t, s, c, False)),
    PairMetric(
        "pr_auc_masked_weighted", WEIGHTED, lambda t, s, c: over_categories(masked_area, t, s, c, True)
    ),
    PairMetric(
        "best_f1", "highest F1 of any threshold, all categories together", lambda t, s, _: best_f1(t, s)[0]
    ),
    PairMetric(
        "recall_at_75",
        "highest recall of any threshold with precision ≥ 0.75, all categories together",
        lambda t, s, _: recall_at(t, s),
    ),
    PairMetric(
        "average_precision",
        "Σ (recall step × precision), all categories together (scikit-learn)",
        lambda t, s, _: _average_precision(t, s),
    ),
)
