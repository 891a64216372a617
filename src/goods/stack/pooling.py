"""Pools of the base models' probabilities: the baselines a stacker must beat, and what boosting starts from.

A pool is linear, Σ w_m p_m, or log-linear, softmax over candidates of Σ w_m log p_m (Genest & Zidek 1986), where a
weight is at once the model's importance and its inverse temperature. A log-linear pool with terms per class is
multinomial logistic regression on log-probabilities; over one model alone it is temperature scaling, with a bias
per class vector scaling (Guo et al. 2017, arXiv 1706.04599).

`target` int [n_cards] has the class of each card of a table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from goods.stack.candidates import Candidates, first_choice, normalise_by_card, softmax_by_card

PENALTY = 1e-3  # pull of a log-linear pool's weights towards 1/M, per card

BIAS_SD, CLASS_WEIGHT_SD = 1.0, 0.1  # of the normal priors on the terms per class

ROUNDS = 30  # models drawn, with replacement, by greedy selection

Score = Callable[[np.ndarray, np.ndarray], float]  # (true class [n], predicted class [n]) → higher is better


@dataclass(frozen=True)
class Pool:
    """weights float [M] · class_bias float [C] and class_weights float [C, M] of a log-linear pool, or None."""

    log: bool
    weights: np.ndarray
    class_bias: np.ndarray | None = None
    class_weights: np.ndarray | None = None

    def __call__(self, table: Candidates) -> np.ndarray:
        """float64 [m]: pooled probability of each entry, 1 within each card."""
        if not self.log:
            return normalise_by_card(table, np.exp(table.log_proba.astype(np.float64)) @ self.weights)
        return softmax_by_card(table, self.score(table.log_proba.astype(np.float64), table.cls))

    def score(self, log_proba: np.ndarray, cls: np.ndarray) -> np.ndarray:
        """float64 [m]: what a log-linear pool takes the softmax of; log_proba float64 [m, M] of classes int [m]."""
        score = log_proba @ self.weights
        if self.class_bias is not None:
            score += self.class_bias[cls]
        if self.class_weights is not None:
            score += np.einsum("ij,ij->i", log_proba, self.class_weights.take(cls, axis=0))
        return score

    def to_json(self) -> dict[str, Any]:
        arrays = {
            "weights": self.weights,
            "class_bias": self.class_bias,
            "class_weights": self.class_weights,
        }
        return {"log": self.log} | {k: v.tolist() for k, v in arrays.items() if v is not None}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Pool:
        arrays = {name: np.array(value) for name, value in data.items() if name != "log"}
        return Pool(data["log"], **arrays)


def spreads_of(table: Candidates) -> np.ndarray:
    """float64 [M]: standard deviation of a model's log-probabilities among a card's candidates, the mean over the cards
    that have any. Times its weight it is how far a model moves a log-linear pool: a flat model takes a large weight."""
    starts, group = table.segments
    log_proba = table.log_proba.astype(np.float64)
    sizes = np.bincount(group)[:, None]
    centred = log_proba - (np.add.reduceat(log_proba, starts) / sizes)[group]
    return np.sqrt(np.add.reduceat(centred**2, starts) / sizes).mean(axis=0)


def answered(table: Candidates, target: np.ndarray) -> tuple[Candidates, np.ndarray]:
    """The entries of the cards whose class is among their candidates, and which of them are the class."""
    is_target = table.cls == target[table.card]
    entries = np.isin(table.card, table.card[is_target])
    return table.take(entries), is_target[entries]


def fit_log_pool(
    table: Candidates, target: np.ndarray, n_classes: int, biases: bool = False, per_class: bool = False
) -> Pool:
    """Non-negative weights, and terms per class where wanted, of the highest likelihood of `target` int [n].

    Cards whose class is no candidate are left out. Terms per class are shrunk to 0 by normal priors.
    """
    from scipy.optimize import minimize  # half a second to import, as numba: only who fits a pool pays

    from goods.stack.likelihood import likelihood

    table, is_target = answered(table, target)
    n_models, n_cards = table.log_proba.shape[1], max(1, int(is_target.sum()))
    n_bias, n_own = n_classes * biases, n_classes * n_models * per_class

    def parts(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Views of the weights, the biases and the weights per class, of length 0 where there are none."""
        return x[:n_models], x[n_models : n_models + n_bias], x[n_models + n_bias :].reshape(-1, n_models)

    def pool(x: np.ndarray) -> Pool:
        weights, bias, own = parts(x)
        return Pool(True, weights, bias if biases else None, own if per_class else None)

    initial = np.concatenate([np.full(n_models, 1 / n_models), np.zeros(n_bias + n_own)])
    if not len(table.card):
        return pool(initial)
    starts = np.append(table.segments[0], len(table.card))
    log_proba = table.log_proba.astype(np.float64)
    sds = [1 / np.sqrt(2 * PENALTY * n_cards), BIAS_SD, CLASS_WEIGHT_SD]
    precision = np.repeat(1 / np.square(sds), [n_models, n_bias, n_own])  # of the priors around `initial`
    curvature = curvatures(table, log_proba, parts(initial)[0], n_classes)
    curved = np.concatenate([curvature[0], curvature[1][:n_bias], curvature[2].ravel()[:n_own]]) + precision
    unit = np.sqrt(n_cards / curved)  # a sixth of the steps: a weight is of all cards, a class's term of few

    def loss(steps: np.ndarray) -> tuple[float, np.ndarray]:
        gradient, apart = np.zeros(len(steps)), steps * unit - initial
        log_likelihood = likelihood(
            starts, table.cls, is_target, log_proba, *parts(initial + apart), *parts(gradient)
        )
        shrunk = precision * apart
        return (shrunk @ apart / 2 - log_likelihood) / n_cards, (shrunk - gradient) * unit / n_cards

    bounds = [(0.0, None)] * n_models + [(None, None)] * (n_bias + n_own)
    return pool(minimize(loss, initial / unit, jac=True, method="L-BFGS-B", bounds=bounds).x * unit)


def curvatures(
    table: Candidates, log_proba: np.ndarray, weights: np.ndarray, n_classes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Second derivatives of a log-linear pool's loss, summed over cards: by each of its `weights` float [M], by each
    class's bias [C] and by its own weights [C, M]; `log_proba` float64 [m, M] as the table has it."""
    proba = softmax_by_card(table, log_proba @ weights)
    starts, group = table.segments
    centred = log_proba - np.add.reduceat(proba[:, None] * log_proba, starts)[group]
    spread = proba * (1 - proba)
    own = [np.bincount(table.cls, spread * column**2, n_classes) for column in log_proba.T]
    return proba @ centred**2, np.bincount(table.cls, spread, n_classes), np.stack(own, axis=1)


def fit_linear_pool(table: Candidates, target: np.ndarray) -> Pool:
    """Weights on the simplex of the highest likelihood, by expectation–maximisation of a mixture."""
    proba = np.exp(table.log_proba[table.cls == target[table.card]].astype(np.float64))
    weights = np.full(table.log_proba.shape[1], 1 / table.log_proba.shape[1])
    for _ in range(200 if len(proba) else 0):
        share = proba * weights
        new = (share / share.sum(1, keepdims=True)).mean(0)
        if np.abs(new - weights).max() < 1e-6:
            break
        weights = new
    return Pool(False, weights)


def fit_best_single(table: Candidates, target: np.ndarray, score: Score) -> Pool:
    """All weight on the model with the best score."""
    n_models = table.log_proba.shape[1]
    scores = [scored(table, target, np.eye(n_models)[j], score) for j in range(n_models)]
    return Pool(False, np.eye(n_models)[int(np.argmax(scores))])


def fit_greedy(table: Candidates, target: np.ndarray, score: Score) -> Pool:
    """Greedy ensemble selection with replacement (Caruana et al. 2004): each round adds the model that helps
    the score most, ties to the first; the best prefix is kept."""
    n_models = table.log_proba.shape[1]
    proba, one = np.exp(table.log_proba), np.eye(n_models)
    counts, best, chosen = np.zeros(n_models), -np.inf, np.zeros(n_models)
    for _ in range(ROUNDS):
        tried = [proba @ (counts + one[j]).astype(np.float32) for j in range(n_models)]
        scores = [first_choices_scored(table, target, value, score) for value in tried]
        counts = counts + one[int(np.argmax(scores))]
        if max(scores) > best:
            best, chosen = max(scores), counts
    return Pool(False, chosen / chosen.sum())


def scored(table: Candidates, target: np.ndarray, weights: np.ndarray, score: Score) -> float:
    """Score of the linear pool's first choices on the cards with entries."""
    return first_choices_scored(table, target, np.exp(table.log_proba) @ weights.astype(np.float32), score)


def first_choices_scored(table: Candidates, target: np.ndarray, value: np.ndarray, score: Score) -> float:
    """Score of the classes with the largest `value` [m] on the cards with entries."""
    predicted = first_choice(table, value)
    rows = np.flatnonzero(predicted >= 0)
    return score(target[rows], predicted[rows])
