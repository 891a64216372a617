"""Pairs of two catalogues, none of which has a product twice: the pairs of a product are rivals, as one match at most.

Given independent odds o and at most one match among the pairs of a product, pair i has the odds oᵢ / (1 + Σ of the
others').
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from goods.core.calibration import logit


def are_two_catalogues(left: np.ndarray, right: np.ndarray) -> bool:
    """Whether no product stands on both sides of the pairs (left, right) int [n], and some in several of them."""
    pairs = np.unique(np.stack([left, right], 1), axis=0)
    apart = not np.isin(pairs[:, 0], pairs[:, 1]).any()
    return apart and any(len(np.unique(side)) < len(pairs) for side in pairs.T)


@dataclass(frozen=True)
class Rivals:
    """Pairs (left, right) int [n] of products of two catalogues; a pair given twice is no rival of itself."""

    left: np.ndarray
    right: np.ndarray

    def lowered(self, match: np.ndarray, strengths: tuple[float, float], sure: float) -> np.ndarray:
        """float64 [n] probabilities after the rivals of the left and of the right product are heard, each as far as
        its strength says: 0 not at all, 1 as if there could be no second match. `sure` keeps from 0 and 1."""
        own = logit(match.astype(np.float64), sure)
        first, pair = np.unique(
            np.stack([self.left, self.right], 1), axis=0, return_index=True, return_inverse=True
        )[1:]
        odds = np.exp(own[first])
        result = own.copy()
        for side, strength in zip((self.left, self.right), strengths, strict=True):
            number = np.unique(side, return_inverse=True)[1]
            total = np.bincount(number[first], weights=odds)
            others = (total[number] - odds[pair.ravel()]).clip(min=0)
            result -= strength * np.log1p(others)
        return expit(result)
