"""Temperature scaling (Guo et al. 2017, arXiv 1706.04599) on an inner split; log-odds and probabilities."""

from __future__ import annotations

import numpy as np


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
