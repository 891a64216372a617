"""Linear SVMs of many classes at once: dual coordinate descent on blocks of classes.

The problem is LIBLINEAR's (one class against the rest, squared hinge loss, L2 penalty, the bias penalised too; Hsieh et
al. 2008, algorithm 2 and its shrinking), but a card's features are read once for `LANES` classes: what takes the time
is reaching a feature's weights, and those of a block lie side by side. Blocks
know nothing of each other: the same bytes with however many threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import scipy.sparse as sp

from goods.core.compiled import compiled

LANES = 32  # classes of a block, at most

TOGETHER = 8  # numbers that a processor takes at once; a block has a multiple of them

TOLERANCE = 0.1  # of the projected gradient, LIBLINEAR's own for this problem

MOST_EPOCHS = 200

Block = TypeVar("Block")


def fit_one_vs_rest(
    x: sp.csr_matrix, label: np.ndarray, n_classes: int, C: float, seed: int, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """coef float32 [f, m] and intercept float32 [m] of float32 `x` [n, f] and `label` int [n] in 0 … m - 1."""
    blocks = fit_blocks(x, label, n_classes, C, seed, threads, lambda weights, bias: (weights, bias))
    return np.hstack([weights for weights, _ in blocks]), np.concatenate([bias for _, bias in blocks])


def fit_blocks(
    x: sp.csr_matrix,
    label: np.ndarray,
    n_classes: int,
    C: float,
    seed: int,
    threads: int,
    keep: Callable[[np.ndarray, np.ndarray], Block],
) -> list[Block]:
    """What `keep` makes of the weights float32 [f, classes] and the bias float32 [classes] of each block, in order."""
    squares = np.bincount(np.repeat(np.arange(x.shape[0]), np.diff(x.indptr)), x.data**2, x.shape[0])
    rate = (1 / (squares + 1 + 0.5 / C)).astype(np.float32)

    def fit(start: int) -> Block:
        classes, rng = min(LANES, n_classes - start), np.random.default_rng([seed, start])
        lanes = -(-classes // TOGETHER) * TOGETHER
        weights, bias = fit_block(x, (label - start).astype(np.int32), lanes, rate, np.float32(0.5 / C), rng)
        return keep(weights[:, :classes], bias[:classes])

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(fit, range(0, n_classes, LANES)))


def fit_block(
    x: sp.csr_matrix,
    label: np.ndarray,
    lanes: int,
    rate: np.ndarray,
    ridge: np.float32,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """weights [f, lanes] and bias [lanes]; a label outside 0 … lanes - 1 is the rest of all of them."""
    n, f = x.shape
    weights, bias = np.zeros((f, lanes), np.float32), np.zeros(lanes, np.float32)
    alpha = np.zeros((n, lanes), np.float32)
    active, bound = np.arange(n), np.full(lanes, np.inf, np.float32)
    for _ in range(MOST_EPOCHS):
        order = rng.permutation(active)
        lowest, highest = np.full(lanes, np.inf, np.float32), np.full(lanes, -np.inf, np.float32)
        kept = np.empty(len(order), np.bool_)
        epoch(
            x.indptr, x.indices, x.data, label, rate, ridge, order,
            weights, bias, alpha, bound, lowest, highest, kept,
        )  # fmt: skip
        if (highest - lowest).max() > TOLERANCE:
            active, bound = order[kept], np.where(highest <= 0, np.inf, highest).astype(np.float32)
        elif len(active) == n:
            break
        else:  # solved on what was not shrunk: is it on all?
            active, bound = np.arange(n), np.full(lanes, np.inf, np.float32)
    return weights, bias


@compiled(error_model="numpy")
def epoch(
    indptr, indices, data, label, rate, ridge, order, weights, bias, alpha, bound, lowest, highest, kept
):  # fmt: skip
    """One pass over the cards in `order`; writes weights, bias, alpha, the extremes of the projected gradient by class,
    and which cards still matter to a class (the others are those shrinking leaves out)."""
    one, zero = np.float32(1), np.float32(0)
    lanes = weights.shape[1]  # loops of a length known to the compiler are unrolled and then not vectorised
    margin, step = np.zeros(lanes, np.float32), np.zeros(lanes, np.float32)
    for k in range(len(order)):
        i = order[k]
        margin[:] = bias
        for j in range(indptr[i], indptr[i + 1]):
            feature, value = indices[j], data[j]
            for c in range(lanes):
                margin[c] += value * weights[feature, c]
        matters = moved = False
        for c in range(lanes):
            sign = one if c == label[i] else -one
            old = alpha[i, c]
            gradient = sign * margin[c] - one + old * ridge
            step[c] = zero
            if old == zero:
                if gradient > bound[c]:
                    continue
                gradient = min(gradient, zero)
            matters = True
            lowest[c], highest[c] = min(lowest[c], gradient), max(highest[c], gradient)
            new = max(old - gradient * rate[i], zero)
            if new != old:
                step[c], alpha[i, c], moved = (new - old) * sign, new, True
        kept[k] = matters
        if moved:
            for c in range(lanes):
                bias[c] += step[c]
            for j in range(indptr[i], indptr[i + 1]):
                feature, value = indices[j], data[j]
                for c in range(lanes):
                    weights[feature, c] += value * step[c]
