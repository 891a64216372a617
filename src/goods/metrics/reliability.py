"""How far a probability can be trusted: calibration error, reliability diagram, coverage at a precision.

Confidence float [n] is the probability of the class that is submitted; `correct` bool [n] says whether it is right.
"""

from __future__ import annotations

import numpy as np

BINS = 15


def reliability(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> np.ndarray:
    """float [b, 3] of the bins of equal width that hold cards: mean confidence, accuracy, cards."""
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    n = np.bincount(which, minlength=bins)
    there = n > 0
    means = [np.bincount(which, values, bins)[there] / n[there] for values in (confidence, correct)]
    return np.stack([*means, n[there]], axis=1)


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> float:
    """Mean over cards of |accuracy − confidence| of their bin (Naeini et al. 2015); 0 for no cards."""
    if not len(confidence):
        return 0.0
    table = reliability(confidence, correct, bins)
    return float((np.abs(table[:, 0] - table[:, 1]) * table[:, 2]).sum() / len(confidence))


def threshold_at_precision(confidence: np.ndarray, correct: np.ndarray, precision: float) -> float:
    """The least confidence at and above which the share of right cards is still `precision`; inf if none is."""
    order = np.argsort(-confidence, kind="stable")
    value, right = confidence[order], np.cumsum(correct[order])
    last = np.append(value[1:] != value[:-1], True)  # equal confidences stay together
    good = last & (right >= precision * np.arange(1, len(order) + 1))
    return float(value[np.flatnonzero(good)[-1]]) if good.any() else float("inf")


def coverage(
    confidence: np.ndarray, correct: np.ndarray, fold: np.ndarray, precision: float
) -> dict[str, float | None]:
    """Cards that could be filed without a human, the threshold of each fold chosen on the others.

    coverage: share of cards at or above it · precision: share of right ones among them · threshold: that of all
    folds together, null where no confidence is enough
    """
    taken = np.zeros(len(fold), bool)
    for k in np.unique(fold):
        here = fold == k
        taken[here] = confidence[here] >= threshold_at_precision(confidence[~here], correct[~here], precision)
    overall = threshold_at_precision(confidence, correct, precision)
    return {
        "wanted_precision": precision,
        "coverage": round(float(taken.mean()), 6),
        "precision": round(float(correct[taken].mean()), 6) if taken.any() else 0.0,
        "threshold": round(overall, 6) if np.isfinite(overall) else None,
    }
