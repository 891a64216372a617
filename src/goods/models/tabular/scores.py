"""Scores of the classes that were fitted on, among all classes."""

from __future__ import annotations

import numpy as np


def seen_classes(target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(int64 [m] the classes that occur, ascending, int64 [n] the place of each target among them)"""
    classes, label = np.unique(target.astype(np.int64), return_inverse=True)
    return classes, label.astype(np.int64)


def spread_out(scores: np.ndarray, classes: np.ndarray, n_classes: int) -> np.ndarray:
    """float64 [n, n_classes] from [n, m] scores of `classes`; the others, which no card was fitted on, get -inf."""
    out = np.full((len(scores), n_classes), -np.inf)
    out[:, classes] = scores
    return out
