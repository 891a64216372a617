"""The calibrated weighted blend: softmax over candidates of Σ w_m · log p_m.

A log-linear opinion pool (Genest & Zidek 1986) whose non-negative weights are fitted by maximum
likelihood; a weight is at once the model's importance and its inverse temperature.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from goods.candidates import Candidates

PENALTY = 1e-3  # pull towards equal weights 1/M, per card


def softmax_by_card(table: Candidates, score: np.ndarray) -> np.ndarray:
    """float64 [m]: probabilities that sum to 1 within each card that has entries."""
    starts, group = table.segments
    exp = np.exp(score - np.maximum.reduceat(score, starts)[group])
    return exp / np.add.reduceat(exp, starts)[group]


def blend(table: Candidates, weights: np.ndarray) -> np.ndarray:
    """float64 [m] blended probability of each entry; weights float [M]."""
    return softmax_by_card(table, table.log_proba.astype(np.float64) @ weights)


def fit_blend(table: Candidates, target: np.ndarray) -> np.ndarray:
    """float64 [M] weights that maximise the likelihood of `target` int [n]; cards without it are left out."""
    is_target = table.cls == target[table.card]
    entries = np.isin(table.card, table.card[is_target])
    table, is_target = table.take(entries), is_target[entries]
    n_models, n_cards = table.log_proba.shape[1], max(1, int(is_target.sum()))
    start = np.full(n_models, 1 / n_models)
    if not len(table.card):
        return start
    features = table.log_proba.astype(np.float64)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        proba = softmax_by_card(table, features @ weights)
        gradient = -((is_target - proba) @ features) / n_cards + 2 * PENALTY * (weights - start)
        value = (
            -np.log(proba[is_target].clip(1e-12)).sum() / n_cards + PENALTY * ((weights - start) ** 2).sum()
        )
        return value, gradient

    fitted = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * n_models)
    return fitted.x
