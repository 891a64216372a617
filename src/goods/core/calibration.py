"""Temperature scaling (Guo et al. 2017, arXiv 1706.04599) and logit adjustment (Menon et al. 2021, arXiv 2007.07314) on
an inner split; log-odds and probabilities."""

from __future__ import annotations

import numpy as np

from goods.core.predictions import BLOCK


def fit_temperature(logits: np.ndarray, target: np.ndarray, weight: np.ndarray | None = None) -> float:
    """The T > 0 that minimises the negative log-likelihood of softmax(logits / T).

    logits float [n, C] (-inf allowed for classes the model never saw), target int [n], weight float [n] of the rows.
    Rows whose class is at -inf are left out: no temperature can help them. Returns 1.0 when no row is left.
    """
    from scipy.optimize import minimize_scalar  # half a second to import: only who calibrates pays

    rows = np.flatnonzero(np.isfinite(logits[np.arange(len(target)), target]))
    if rows.size == 0:
        return 1.0
    logits, target = logits[rows].astype(np.float64), target[rows]
    weight = None if weight is None else weight[rows]
    logits -= logits.max(1, keepdims=True)
    own = logits[np.arange(len(target)), target]
    # row after row; of the candidates of a card, few have a probability at all
    there = np.isfinite(logits)
    starts = np.concatenate([[0], there.sum(1).cumsum()[:-1]])
    entries = logits[there]
    scratch = np.empty_like(entries)

    def loss(log_t: float) -> float:
        sharpness = np.exp(-log_t)
        np.exp(np.multiply(entries, sharpness, out=scratch), out=scratch)
        log_total = np.log(np.add.reduceat(scratch, starts))
        return float(np.average(log_total - own * sharpness, weights=weight))

    best = minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded", options={"xatol": 1e-3})
    return float(np.exp(best.x))


def fit_adjustment(logits: np.ndarray, target: np.ndarray, log_count: np.ndarray) -> tuple[float, float]:
    """The T > 0 and the 0 ≤ s ≤ 1 that minimise the negative log-likelihood of softmax(logits / T - s · log_count):
    what frequent classes were given too much is taken from them.

    logits float [n, C], finite; target int [n]; log_count float [C] of the cards learned.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    def loss(given: np.ndarray) -> tuple[float, np.ndarray]:
        """Of (1 / T, s), in which it is convex, and its gradient."""
        total, gradient = 0.0, np.zeros(2)
        for start in range(0, len(target), BLOCK):
            block, own = logits[start : start + BLOCK].astype(np.float64), target[start : start + BLOCK]
            said = log_softmax(given[0] * block - given[1] * log_count, axis=1)
            rows, proba = np.arange(len(own)), np.exp(said)
            total -= said[rows, own].sum()
            gradient[0] += (proba * block).sum() - block[rows, own].sum()
            gradient[1] += log_count[own].sum() - (proba * log_count).sum()
        return total / len(target), gradient / len(target)

    bounds = [(np.exp(-4), np.exp(4)), (0, 1)]
    sharpness, strength = minimize(loss, [1.0, 0.0], jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(1 / sharpness), float(strength)


def logit(proba: np.ndarray, least: float) -> np.ndarray:
    """Log-odds, finite: probabilities are kept `least` away from 0 and 1."""
    clipped = proba.clip(least, 1 - least)
    return np.log(clipped) - np.log1p(-clipped)


def two_classes(second: np.ndarray) -> np.ndarray:
    """float32 [n, 2] from the probability of the second of two classes."""
    return np.stack([1 - second, second], 1).astype(np.float32)


def to_proba(logits: np.ndarray, temperature: float) -> np.ndarray:
    """float32 [n, C] softmax(logits / T)."""
    from scipy.special import softmax

    return softmax(logits.astype(np.float32) / np.float32(temperature), axis=1)
